//! The network over TCP: one party's end of a mesh of three connections.
//!
//! Of each pair the party with the lower number listens and the other calls. One thread a peer moves
//! what arrives into memory, so a peer's send never waits for this party's receive; a send writes
//! from the caller's thread, one system call a message.

use super::end::{End, Wire};
use super::frame;
use super::hello::{self, Caller, Hello, Verdict};
use super::inbox::{Inbox, Message};
use super::shape::LinkShape;
use super::{NetError, Party};
use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use super::hello::RunId;

/// Between two attempts to call, and between two looks at who has called.
const PAUSE: Duration = Duration::from_millis(2);
/// So often it is looked, after the timeout, who has called.
const LATE_LOOKS: u32 = 100;

/// Callers that have not said yet who they are: so many are kept, the newest, and each so long. A party says it at once, and calls
/// again where it was dropped.
const UNKNOWN_CALLERS: usize = 64;
const UNKNOWN_FOR: Duration = Duration::from_secs(5);

/// One end of a mesh of TCP connections.
pub type TcpNetwork = End<TcpWire>;

/// Writes messages to the peers' sockets.
pub struct TcpWire {
    /// By peer; this party's own place is empty.
    streams: [Option<TcpStream>; 3],
}

impl Wire for TcpWire {
    fn transmit(&mut self, to: Party, message: Message) -> io::Result<()> {
        match &mut self.streams[to.index()] {
            Some(stream) => frame::write(stream, &message),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    fn finish(&mut self) {
        for stream in self.streams.iter().flatten() {
            // Only this direction: closing both would reset the connection under what is still on its
            // way to the peer. An error means that the connection has ended already.
            let _ = stream.shutdown(Shutdown::Write);
        }
    }
}

/// What one party must know to connect with the other two.
#[derive(Clone, Debug)]
pub struct Mesh {
    /// Which party this is.
    pub me: Party,
    /// The run, the same at all three; calls of other runs are refused.
    pub run: RunId,
    /// Where the peers listen. Only the addresses of lower parties are used.
    pub peers: [Option<SocketAddr>; 3],
    /// The shape of the link from this party to each peer; its own place is not used.
    pub links: [LinkShape; 3],
    /// How long connecting may take, and afterwards how long a peer may be silent in a receive.
    pub timeout: Duration,
}

/// An address on which a party listens for its peers.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
}

impl TcpNetwork {
    /// Listens on `address`; port 0 lets the system choose one.
    ///
    /// # Errors
    /// [`NetError::Listen`] if the port is in use or the address is not this machine's.
    pub fn listen(address: SocketAddr) -> Result<Listener, NetError> {
        let refused = |error: io::Error| NetError::Listen {
            address,
            cause: match error.kind() {
                io::ErrorKind::AddrInUse => {
                    "the port is in use: end the program that holds it, or choose another port"
                        .to_owned()
                }
                _ => error.to_string(),
            },
        };
        let socket = TcpListener::bind(address).map_err(refused)?;
        let address = socket.local_addr().map_err(refused)?;
        Ok(Listener { socket, address })
    }
}

impl Listener {
    /// Where it listens, with the port that the system chose.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Calls the lower parties, then waits for the higher ones. Callers that are no party of this run
    /// are refused and change nothing, however many they are: few are kept at a time, and none for long.
    ///
    /// # Errors
    /// [`NetError::Connect`] names the peer that did not come within the timeout, where it was sought,
    /// and what went wrong last; [`NetError::Bandwidth`] a link that cannot be.
    pub fn connect(self, mesh: &Mesh) -> Result<TcpNetwork, NetError> {
        let began = Instant::now();
        let mut streams = [None, None, None];
        for peer in mesh.me.others() {
            if peer < mesh.me {
                streams[peer.index()] = Some(call(mesh, peer, began)?);
            }
        }
        self.accept(mesh, &mut streams, began)?;
        let inboxes: [Arc<Inbox>; 3] = std::array::from_fn(|_| Arc::new(Inbox::new()));
        let mut readers = Vec::new();
        for peer in mesh.me.others() {
            if let Some(stream) = &streams[peer.index()] {
                let reader = split(stream, mesh.timeout)
                    .map_err(|e| mesh.failed(peer, "connected", e.to_string()))?;
                readers.push((peer, reader, Arc::clone(&inboxes[peer.index()])));
            }
        }
        // From here on an error drops both halves of the streams, which tells the peers.
        let wire = TcpWire { streams };
        let end = End::new(mesh.me, wire, inboxes, mesh.links, mesh.timeout)?;
        for (peer, reader, inbox) in readers {
            std::thread::Builder::new()
                .name(format!("{} from {peer}", mesh.me))
                .spawn(move || frame::drain(reader, &inbox))
                .map_err(|e| mesh.failed(peer, "connected", e.to_string()))?;
        }
        Ok(end)
    }

    /// Waits until every higher party has called.
    fn accept(
        &self,
        mesh: &Mesh,
        streams: &mut [Option<TcpStream>; 3],
        began: Instant,
    ) -> Result<(), NetError> {
        let place = format!("which calls {}", self.address);
        let mut last = "nobody has called".to_owned();
        let mut late = 0;
        let mut callers: Vec<Unknown> = Vec::new();
        loop {
            let mut others = mesh.me.others().into_iter();
            let Some(peer) = others.find(|&peer| mesh.awaits(peer, streams)) else {
                return Ok(());
            };
            // Whoever called while this process was stopped is still heard.
            late += u32::from(began.elapsed() >= mesh.timeout);
            if late > LATE_LOOKS {
                return Err(mesh.failed(peer, &place, last));
            }
            match self.next_caller() {
                Ok(Some(stream)) => {
                    if callers.len() == UNKNOWN_CALLERS {
                        last = format!("{} said nothing", name(&callers.remove(0).stream));
                    }
                    callers.push(Unknown::new(stream));
                }
                Ok(None) => std::thread::sleep(PAUSE),
                // No more descriptors or memory, say: strangers give back what they hold, and the next call is another.
                Err(e) => {
                    last = format!("a call could not be taken: {e}");
                    callers.clear();
                    std::thread::sleep(PAUSE);
                }
            }
            for mut caller in std::mem::take(&mut callers) {
                let Unknown {
                    stream,
                    hello,
                    since,
                } = &mut caller;
                match hello.advance(stream) {
                    Caller::Unknown if since.elapsed() >= UNKNOWN_FOR => {
                        last = format!("{} said nothing", name(stream));
                    }
                    Caller::Unknown => callers.push(caller),
                    Caller::Stranger => last = format!("{} is no party", name(stream)),
                    Caller::Known { run, from, to } => {
                        let verdict = match (run == mesh.run, to == mesh.me) {
                            (true, true) if mesh.awaits(from, streams) => Verdict::Welcome,
                            (true, _) => Verdict::NotExpected,
                            (false, _) => Verdict::OtherRun,
                        };
                        let who = format!("{} called as {from} for {to}", name(stream));
                        match (greet(stream, verdict), verdict) {
                            (Ok(()), Verdict::Welcome) => {
                                streams[from.index()] = Some(caller.stream);
                            }
                            (Err(e), _) => last = format!("{who}: {e}"),
                            (Ok(()), _) => last = format!("{who}: refused as {verdict:?}"),
                        }
                    }
                }
            }
        }
    }

    /// Who has called, without waiting.
    fn next_caller(&self) -> io::Result<Option<TcpStream>> {
        use io::ErrorKind::{ConnectionAborted, Interrupted, WouldBlock};
        self.socket.set_nonblocking(true)?;
        match self.socket.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(true)?;
                Ok(Some(stream))
            }
            // Nobody, or somebody who has left again.
            Err(e) if matches!(e.kind(), WouldBlock | ConnectionAborted | Interrupted) => Ok(None),
            Err(e) => Err(e),
        }
    }
}

impl Mesh {
    /// Whether this party waits for a call of `peer`.
    fn awaits(&self, peer: Party, streams: &[Option<TcpStream>; 3]) -> bool {
        peer > self.me && streams[peer.index()].is_none()
    }

    fn failed(&self, peer: Party, place: &str, cause: String) -> NetError {
        NetError::Connect {
            me: self.me,
            peer,
            place: place.to_owned(),
            waited: self.timeout,
            cause,
        }
    }
}

/// A caller that has not said yet who it is.
struct Unknown {
    stream: TcpStream,
    hello: Hello,
    since: Instant,
}

impl Unknown {
    fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            hello: Hello::default(),
            since: Instant::now(),
        }
    }
}

/// Calls a peer until it says welcome.
fn call(mesh: &Mesh, peer: Party, began: Instant) -> Result<TcpStream, NetError> {
    let Some(address) = mesh.peers[peer.index()] else {
        let cause = "its address was not given".to_owned();
        return Err(mesh.failed(peer, "to be called", cause));
    };
    let mut cause = "there was no time to call".to_owned();
    loop {
        let left = mesh.timeout.saturating_sub(began.elapsed());
        if left.is_zero() {
            return Err(mesh.failed(peer, &format!("called at {address}"), cause));
        }
        let attempt = TcpStream::connect_timeout(&address, left).and_then(|mut stream| {
            stream.set_nodelay(true)?;
            let deadline = began + mesh.timeout;
            let left = || {
                deadline
                    .saturating_duration_since(Instant::now())
                    .max(PAUSE)
            };
            hello::call(&mut stream, mesh.run, mesh.me, peer, |stream| {
                stream.set_read_timeout(Some(left()))
            })?;
            stream.set_read_timeout(None)?;
            Ok(stream)
        });
        match attempt {
            Ok(stream) => return Ok(stream),
            Err(error) => cause = error.to_string(),
        }
        std::thread::sleep(PAUSE);
    }
}

/// Answers a caller and makes its stream an ordinary one.
fn greet(stream: &mut TcpStream, verdict: Verdict) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_nodelay(true)?;
    hello::answer(stream, verdict)
}

/// The reading half of a stream. The writing half gets a timeout: a line that takes nothing for so
/// long is dead.
fn split(stream: &TcpStream, timeout: Duration) -> io::Result<TcpStream> {
    stream.set_write_timeout(Some(timeout.max(Duration::from_millis(1))))?;
    stream.try_clone()
}

fn name(stream: &TcpStream) -> String {
    stream
        .peer_addr()
        .map_or_else(|_| "somebody".to_owned(), |address| address.to_string())
}
