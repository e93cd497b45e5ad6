//! Small files that a user names: a key, certificates.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

use secrecy::zeroize::Zeroizing;

/// The bytes of a file that has at most `most` of them, or the reason why not, in words that continue its name. A pipe
/// or a device could keep us waiting, or never end; neither is opened.
pub(super) fn read(path: &Path, most: usize) -> Result<Zeroizing<Vec<u8>>, String> {
    let unreadable = |error: io::Error| format!("cannot be read: {error}");
    if !fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err("cannot be read: it is not a regular file, and only regular files are read".to_owned());
    }
    // It is never full, so that it never moves: bytes that it left behind would not be wiped.
    let mut bytes = Zeroizing::new(Vec::with_capacity(most + 64));
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    File::open(path).map_err(unreadable)?.take(limit).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() > most {
        return Err(format!("is larger than {} KiB", most / 1024));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_small_regular_files_are_read() {
        let folder = std::env::temp_dir().join(format!("stripe-raw-small-file-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let file = folder.join("file");
        fs::write(&file, [b'x'; 2_048]).unwrap();
        assert_eq!(read(&file, 2_048).unwrap().len(), 2_048);
        assert_eq!(read(&file, 1_024).unwrap_err(), "is larger than 1 KiB");
        assert!(read(&folder.join("none"), 1).unwrap_err().starts_with("cannot be read: No such file"));
        for endless in [folder.as_path(), Path::new("/dev/zero")] {
            assert!(read(endless, 1).unwrap_err().contains("not a regular file"));
        }
        fs::remove_dir_all(&folder).unwrap();
    }
}
