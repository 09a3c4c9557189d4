//! What a machine saves, kept in a file.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::DriveError;

/// A file that holds what a machine has [saved](crate::machine::Effects::save) last. It is always whole: a save is
/// written beside it and then put in its place. A save is durable before anything leaves that the machine put out after
/// it, so the driver waits for the disk meanwhile. One process at a time has it.
///
/// ```no_run
/// use lossproof::drive::{Setup, Store};
///
/// let store = Store::open("server.state")?;
/// let found = store.bytes().to_vec(); // what the machine begins from
/// let setup = Setup::<()> { store: Some(store), ..Setup::dialer() };
/// # Ok::<(), lossproof::drive::DriveError>(())
/// ```
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    /// Where the next state is written before it is put in place.
    beside: PathBuf,
    /// To be made durable, too, for the file's name is there.
    directory: File,
    bytes: Vec<u8>,
}

impl Store {
    /// Reads what is there; a file that is not there yet is an empty state. Its directory has to exist.
    ///
    /// # Errors
    /// [`DriveError::Store`] if the file or its directory cannot be read.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, DriveError> {
        let path = path.into();
        match Self::read(&path) {
            Ok((beside, directory, bytes)) => Ok(Self { path, beside, directory, bytes }),
            Err(source) => Err(DriveError::Store { action: "read", path, source }),
        }
    }

    fn read(path: &Path) -> io::Result<(PathBuf, File, Vec<u8>)> {
        let Some(name) = path.file_name() else { return Err(io::ErrorKind::IsADirectory.into()) };
        let mut beside_name = name.to_owned();
        beside_name.push(".new");
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let directory = File::open(directory.unwrap_or(Path::new(".")))?;
        let bytes = match fs::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            read => read?,
        };
        Ok((path.with_file_name(beside_name), directory, bytes))
    }

    /// What was there when it was opened: what was saved last, or nothing.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Keeps a state in place of the one before.
    pub(super) fn save(&self, bytes: &[u8]) -> Result<(), DriveError> {
        let failed = |source| DriveError::Store { action: "write", path: self.path.clone(), source };
        self.replace(bytes).map_err(failed)
    }

    fn replace(&self, bytes: &[u8]) -> io::Result<()> {
        let mut file = File::create(&self.beside)?;
        file.write_all(bytes)?;
        // The name must not lead to bytes that are not there yet.
        file.sync_all()?;
        fs::rename(&self.beside, &self.path)?;
        self.directory.sync_all()
    }
}
