//! Standard output and standard error of what must not wait for their readers: a server whose log nobody reads goes on
//! serving.

use std::io::{self, ErrorKind, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// How many bytes wait for a reader at most. What does not fit is counted in lines.
const MAX_WAITING_LEN: usize = 1024 * 1024;
/// How long the end of the program waits for a reader once a signal has asked for it.
const LAST_WAIT: Duration = Duration::from_millis(250);
/// How often it looks whether one has.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A way out for text that never keeps anybody waiting: a thread of its own writes. A clone is the same way.
#[derive(Clone, Debug)]
pub(super) struct Outflow(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    max_waiting_len: usize,
}

/// What has not left yet.
#[derive(Debug, Default)]
struct State {
    waiting: Vec<u8>,
    /// How many lines did not fit behind it. As long as there are some none fits, so that their number stands in their
    /// place.
    lost_lines: u64,
    /// Whether the thread has something in its hands.
    is_writing: bool,
}

impl Outflow {
    /// To standard output. When its reader has gone the program ends: nobody sees any more what it does.
    pub(super) fn stdout() -> Self {
        let gone = || std::process::exit(0);
        Self::to(MAX_WAITING_LEN, io::stdout(), gone)
    }

    /// To standard error. When its reader has gone there is nobody to tell.
    pub(super) fn stderr() -> Self {
        Self::to(MAX_WAITING_LEN, io::stderr(), || {})
    }

    fn to(
        max_waiting_len: usize,
        mut to: impl Write + Send + 'static,
        gone: impl Fn() + Send + 'static,
    ) -> Self {
        let (state, changed) = (Mutex::default(), Condvar::new());
        let shared = Arc::new(Shared { state, changed, max_waiting_len });
        let own = Arc::clone(&shared);
        // A thread that waits for a reader cannot be stopped; it goes with the process.
        thread::spawn(move || {
            loop {
                let text = own.next();
                if let Err(error) = to.write_all(&text).and_then(|()| to.flush())
                    && error.kind() == ErrorKind::BrokenPipe
                {
                    gone();
                }
            }
        });
        Self(shared)
    }

    /// Lets a text of whole lines out as soon as its reader takes it, and does not wait for that.
    pub(super) fn put(&self, text: &[u8]) {
        if text.is_empty() {
            return;
        }
        let mut state = self.0.lock();
        if state.lost_lines > 0 || state.waiting.len() + text.len() > self.0.max_waiting_len {
            let lines = memchr::memchr_iter(b'\n', text).count() as u64;
            // What has no end of its own is a line, too.
            state.lost_lines += lines + u64::from(text.last() != Some(&b'\n'));
        } else {
            state.waiting.extend_from_slice(text);
        }
        drop(state);
        self.0.changed.notify_all();
    }

    /// Whether lines do not fit: then one that is not even made is counted with them.
    pub(super) fn skips(&self) -> bool {
        let mut state = self.0.lock();
        let is_full = state.lost_lines > 0;
        state.lost_lines += u64::from(is_full);
        is_full
    }

    /// Waits until all has left, for `at_most`.
    pub(super) fn settle(&self, at_most: Duration) {
        let state = self.0.lock();
        let wait = self.0.changed.wait_timeout_while(state, at_most, |state| !state.is_settled());
        drop(wait.unwrap_or_else(PoisonError::into_inner));
    }

    /// Waits until all has left, however long that takes; but not longer than a moment once `is_asked` says that a
    /// signal has come.
    pub(super) fn finish(&self, is_asked: impl Fn() -> bool) {
        let mut left = LAST_WAIT;
        while !left.is_zero() && !self.0.lock().is_settled() {
            self.settle(LOOK_EVERY);
            if is_asked() {
                left = left.saturating_sub(LOOK_EVERY);
            }
        }
    }
}

/// What is written leaves at once, as far as its writer is concerned.
impl Write for Outflow {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.put(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl State {
    fn is_settled(&self) -> bool {
        self.waiting.is_empty() && self.lost_lines == 0 && !self.is_writing
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is to be written next, with the number of those lines that did not fit behind it.
    fn next(&self) -> Vec<u8> {
        let mut state = self.lock();
        state.is_writing = false;
        self.changed.notify_all();
        let is_idle = |state: &mut State| state.is_settled();
        let mut state = self.changed.wait_while(state, is_idle).unwrap_or_else(PoisonError::into_inner);
        state.is_writing = true;
        let mut text = std::mem::take(&mut state.waiting);
        match std::mem::take(&mut state.lost_lines) {
            0 => {}
            1 => text.extend_from_slice("… 1 line was not printed: nobody read it …\n".as_bytes()),
            lost => {
                let line = format!("… {lost} lines were not printed: nobody read them …\n");
                text.extend_from_slice(line.as_bytes());
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{self, Receiver, Sender};

    use super::*;

    /// Somebody who reads when it is let.
    struct Reader(Receiver<()>, Sender<Vec<u8>>);

    impl Write for Reader {
        fn write(&mut self, text: &[u8]) -> io::Result<usize> {
            self.0.recv().map_err(|_| ErrorKind::BrokenPipe)?;
            self.1.send(text.to_vec()).map_err(|_| ErrorKind::BrokenPipe)?;
            Ok(text.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_does_not_fit_is_counted_in_its_place() {
        let ((let_read, allowed), (tell, told)) = (mpsc::channel(), mpsc::channel());
        let outflow = Outflow::to(8, Reader(allowed, tell), || {});
        outflow.put(b"first\n");
        // The thread has the first in its hands, and waits.
        while !outflow.0.lock().waiting.is_empty() {
            thread::yield_now();
        }
        outflow.put(b"1234567\n");
        outflow.put(b"a\nb");
        // It would fit by itself, but not in its place.
        outflow.put(b"\n");
        outflow.settle(Duration::from_millis(1));
        outflow.finish(|| true);
        for _ in 0..2 {
            let_read.send(()).unwrap();
        }
        assert_eq!(told.recv().unwrap(), b"first\n");
        let lost = "1234567\n… 3 lines were not printed: nobody read them …\n";
        assert_eq!(String::from_utf8(told.recv().unwrap()).unwrap(), lost);
        outflow.finish(|| false);
        outflow.put(b"12345678");
        let_read.send(()).unwrap();
        assert_eq!(told.recv().unwrap(), b"12345678");
        outflow.finish(|| false);
        outflow.put(b"123456789");
        let_read.send(()).unwrap();
        let lost = "… 1 line was not printed: nobody read it …\n";
        assert_eq!(String::from_utf8(told.recv().unwrap()).unwrap(), lost);
    }

    #[test]
    fn a_reader_that_has_gone_is_told_of() {
        let (tell, told) = mpsc::channel();
        let outflow = Outflow::to(8, Reader(mpsc::channel().1, mpsc::channel().0), move || {
            let _ = tell.send(());
        });
        outflow.put(b"a");
        told.recv().unwrap();
    }
}
