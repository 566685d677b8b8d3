//! Matrix products over Z_{2^64}.
