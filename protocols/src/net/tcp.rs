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
    /// are refused and change nothing.
    ///
    /// # Errors
    /// [`NetError::Connect`] names the peer that did not come within the timeout, where it was sought,
    /// and what went wrong last; [`NetError::Bandwidth`] a link that cannot be.
    pub fn connect(self, mesh: &Mesh) -> Result<TcpNetwork, NetError> {
        let deadline = Instant::now() + mesh.timeout;
        let mut streams = [None, None, None];
        for peer in mesh.me.others() {
            if peer < mesh.me {
                streams[peer.index()] = Some(call(mesh, peer, deadline)?);
            }
        }
        self.accept(mesh, &mut streams, deadline)?;
        let inboxes: [Arc<Inbox>; 3] = std::array::from_fn(|_| Arc::new(Inbox::new()));
        for peer in mesh.me.others() {
            if let Some(stream) = &streams[peer.index()] {
                start_reader(mesh, peer, stream, Arc::clone(&inboxes[peer.index()]))
                    .map_err(|e| mesh.failed(peer, "connected", e.to_string()))?;
            }
        }
        End::new(
            mesh.me,
            TcpWire { streams },
            inboxes,
            mesh.links,
            mesh.timeout,
        )
    }

    /// Waits until every higher party has called.
    fn accept(
        &self,
        mesh: &Mesh,
        streams: &mut [Option<TcpStream>; 3],
        deadline: Instant,
    ) -> Result<(), NetError> {
        let place = format!("which calls {}", self.address);
        let mut callers: Vec<(TcpStream, Hello)> = Vec::new();
        let mut refused = None;
        loop {
            let missing = |peer: &Party| *peer > mesh.me && streams[peer.index()].is_none();
            let Some(peer) = mesh.me.others().into_iter().find(missing) else {
                return Ok(());
            };
            if Instant::now() >= deadline {
                let cause = refused.unwrap_or_else(|| "it has not called".to_owned());
                return Err(mesh.failed(peer, &place, cause));
            }
            match self.next_caller() {
                Ok(Some(stream)) => callers.push((stream, Hello::default())),
                Ok(None) => std::thread::sleep(PAUSE),
                Err(e) => return Err(mesh.failed(peer, &place, e.to_string())),
            }
            for (mut stream, mut hello) in std::mem::take(&mut callers) {
                match hello.advance(&mut stream) {
                    Caller::Unknown => callers.push((stream, hello)),
                    Caller::Stranger => {
                        refused = Some(format!("{} called and is no party", name(&stream)));
                    }
                    Caller::Known { run, from, to } => {
                        let verdict = if run != mesh.run {
                            Verdict::OtherRun
                        } else if to != mesh.me
                            || from <= mesh.me
                            || streams[from.index()].is_some()
                        {
                            Verdict::NotExpected
                        } else {
                            Verdict::Welcome
                        };
                        match (greet(&mut stream, verdict), verdict) {
                            (Ok(()), Verdict::Welcome) => streams[from.index()] = Some(stream),
                            (Err(e), Verdict::Welcome) => refused = Some(e.to_string()),
                            _ => {
                                refused = Some(format!(
                                    "{} called as {from} for {to} and was refused: {verdict:?}",
                                    name(&stream)
                                ));
                            }
                        }
                    }
                }
            }
        }
    }

    /// Who has called, without waiting.
    fn next_caller(&self) -> io::Result<Option<TcpStream>> {
        self.socket.set_nonblocking(true)?;
        match self.socket.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(true)?;
                Ok(Some(stream))
            }
            // Nobody, or somebody who has left again.
            Err(e)
                if matches!(
                    e.kind(),
                    io::ErrorKind::WouldBlock
                        | io::ErrorKind::ConnectionAborted
                        | io::ErrorKind::Interrupted
                ) =>
            {
                Ok(None)
            }
            Err(e) => Err(e),
        }
    }
}

impl Mesh {
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

/// Calls a peer until it says welcome.
fn call(mesh: &Mesh, peer: Party, deadline: Instant) -> Result<TcpStream, NetError> {
    let Some(address) = mesh.peers[peer.index()] else {
        return Err(mesh.failed(peer, "to be called", "its address was not given".to_owned()));
    };
    let mut cause = "no attempt was made".to_owned();
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(mesh.failed(peer, &format!("called at {address}"), cause));
        }
        let attempt = TcpStream::connect_timeout(&address, left).and_then(|mut stream| {
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(left))?;
            hello::call(&mut stream, mesh.run, mesh.me, peer)?;
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

/// Starts the thread that empties a peer's socket. It ends when the peer does.
fn start_reader(mesh: &Mesh, peer: Party, stream: &TcpStream, inbox: Arc<Inbox>) -> io::Result<()> {
    // A line that takes nothing for so long is dead.
    stream.set_write_timeout(Some(mesh.timeout.max(Duration::from_millis(1))))?;
    let stream = stream.try_clone()?;
    std::thread::Builder::new()
        .name(format!("{} from {peer}", mesh.me))
        .spawn(move || frame::drain(stream, &inbox))?;
    Ok(())
}

fn name(stream: &TcpStream) -> String {
    stream
        .peer_addr()
        .map_or_else(|_| "somebody".to_owned(), |address| address.to_string())
}
