//! A wire that can be damaged: a TCP proxy that passes bytes on, late, one way only, or not at
//! all, and cuts where it is told to. It never looks at what passes.

#![allow(dead_code)] // Each test file uses its own part.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What the wire does to each connection through it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Fault {
    /// New connections are closed at once.
    pub refuses: bool,
    /// Nothing passes from the kiosk to the broker: it is not even read, so that it piles up.
    pub stops_up: bool,
    /// Nothing passes from the broker to the kiosk.
    pub stops_down: bool,
    /// Each piece is passed on this much later.
    pub delay: Duration,
    /// After this many bytes from the kiosk, counted for each connection, it is cut.
    pub cut_up: Option<u64>,
    /// After this many bytes from the broker, it is cut.
    pub cut_down: Option<u64>,
}

impl Fault {
    pub const STOPPED: Self = Self {
        refuses: false,
        stops_up: true,
        stops_down: true,
        delay: Duration::ZERO,
        cut_up: None,
        cut_down: None,
    };
}

/// What the connections through a wire share.
struct Shared {
    fault: watch::Sender<Fault>,
    /// Another number cuts all connections there are.
    cut: watch::Sender<u64>,
    /// Another number ends what goes to the broker, in all connections there are.
    half: watch::Sender<u64>,
    open: AtomicUsize,
    up: AtomicU64,
    down: AtomicU64,
}

/// The handle; without it the wire is gone.
pub struct Wire {
    pub port: u16,
    shared: Arc<Shared>,
    listening: JoinHandle<()>,
}

impl Wire {
    /// A wire to a port of this machine.
    pub async fn to(port: u16) -> Self {
        // Small buffers, so that a full socket comes soon.
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(8 * 1024).unwrap();
        socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
        let listener = socket.listen(64).unwrap();
        let shared = Arc::new(Shared {
            fault: watch::Sender::new(Fault::default()),
            cut: watch::Sender::new(0),
            half: watch::Sender::new(0),
            open: AtomicUsize::new(0),
            up: AtomicU64::new(0),
            down: AtomicU64::new(0),
        });
        let here = listener.local_addr().unwrap().port();
        let listening = tokio::spawn(listen(listener, port, shared.clone()));
        Self { port: here, shared, listening }
    }

    /// What happens from now on, to connections that are there as well.
    pub fn set(&self, fault: Fault) {
        self.shared.fault.send_replace(fault);
    }

    pub fn heal(&self) {
        self.set(Fault::default());
    }

    /// Cuts all connections there are, as when the plug is pulled and put in again.
    pub fn cut(&self) {
        self.shared.cut.send_modify(|count| *count += 1);
    }

    /// Says to the broker that nothing more comes, and goes on passing what it says.
    pub fn half_close(&self) {
        self.shared.half.send_modify(|count| *count += 1);
    }

    /// How many connections there are.
    pub fn open(&self) -> usize {
        self.shared.open.load(Ordering::SeqCst)
    }

    /// Bytes passed so far from the kiosk, and from the broker.
    pub fn passed(&self) -> (u64, u64) {
        (self.shared.up.load(Ordering::SeqCst), self.shared.down.load(Ordering::SeqCst))
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.listening.abort();
        self.cut();
    }
}

/// Counts a connection for as long as it is there.
struct Counted(Arc<Shared>);

impl Counted {
    fn new(shared: &Arc<Shared>) -> Self {
        shared.open.fetch_add(1, Ordering::SeqCst);
        Self(shared.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn listen(listener: TcpListener, port: u16, shared: Arc<Shared>) {
    while let Ok((kiosk, _)) = listener.accept().await {
        let refuses = shared.fault.borrow().refuses;
        if !refuses {
            tokio::spawn(connect(kiosk, port, shared.clone()));
        }
    }
}

async fn connect(kiosk: TcpStream, port: u16, shared: Arc<Shared>) {
    let _counted = Counted::new(&shared);
    let mut cut = shared.cut.subscribe();
    cut.mark_unchanged();
    let passed = async {
        let Ok(broker) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await else { return };
        let _ = (kiosk.set_nodelay(true), broker.set_nodelay(true));
        let (from_kiosk, to_kiosk) = kiosk.into_split();
        let (from_broker, to_broker) = broker.into_split();
        let up = pass(from_kiosk, to_broker, &shared, Way::Up);
        let down = pass(from_broker, to_kiosk, &shared, Way::Down);
        // An end of one way is passed on and the other goes on; a cut ends both.
        let mut ends = (false, false);
        tokio::pin!(up, down);
        while ends != (true, true) {
            let cut = tokio::select! {
                cut = &mut up, if !ends.0 => { ends.0 = true; cut }
                cut = &mut down, if !ends.1 => { ends.1 = true; cut }
            };
            if cut == End::Cut {
                return;
            }
        }
    };
    tokio::select! {
        () = passed => {}
        _ = cut.changed() => {}
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Up,
    Down,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// It was closed in good order.
    Closed,
    Cut,
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, shared: &Shared, way: Way) -> End {
    let mut fault = shared.fault.subscribe();
    let mut half = shared.half.subscribe();
    half.mark_unchanged();
    let count = if way == Way::Up { &shared.up } else { &shared.down };
    let stops = |fault: &Fault| if way == Way::Up { fault.stops_up } else { fault.stops_down };
    let limit = |fault: &Fault| if way == Way::Up { fault.cut_up } else { fault.cut_down };
    let mut bytes = [0; 4096];
    let mut passed = 0;
    loop {
        if fault.wait_for(|fault| !stops(fault)).await.is_err() {
            return End::Cut;
        }
        let read = tokio::select! {
            read = from.read(&mut bytes) => read,
            // What is to happen has changed, before anything came.
            _ = fault.changed() => continue,
            _ = half.changed(), if way == Way::Up => Ok(0),
        };
        let read = match read {
            Ok(0) => {
                let _ = to.shutdown().await;
                return End::Closed;
            }
            Ok(read) => read,
            Err(_) => return End::Cut,
        };
        let now = *fault.borrow_and_update();
        tokio::time::sleep(now.delay).await;
        // It may have stopped meanwhile: then these bytes are on the wire and wait there.
        if fault.wait_for(|fault| !stops(fault)).await.is_err() {
            return End::Cut;
        }
        let left = limit(&now).map_or(u64::MAX, |limit| limit.saturating_sub(passed));
        let goes = read.min(usize::try_from(left).unwrap_or(usize::MAX));
        if to.write_all(&bytes[..goes]).await.is_err() {
            return End::Cut;
        }
        passed += goes as u64;
        count.fetch_add(goes as u64, Ordering::SeqCst);
        if passed >= limit(&now).unwrap_or(u64::MAX) {
            let _ = to.flush().await;
            return End::Cut;
        }
    }
}
