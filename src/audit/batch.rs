//! Lines that go to the file in one write, and how far they have come. Never forgets a byte that was not taken, and never
//! joins a line to one that was torn.

use std::io::{self, Write};

/// Whole lines, each with its newline, after a newline of their own that is written only behind a torn line.
pub(super) struct Batch {
    bytes: Vec<u8>,
    written: usize,
    lines: u64,
}

impl Batch {
    pub(super) fn new(lines: &[String]) -> Self {
        let size = lines.iter().map(|line| line.len() + 1).sum::<usize>() + 1;
        let mut bytes = Vec::with_capacity(size);
        bytes.push(b'\n');
        for line in lines {
            bytes.extend_from_slice(line.as_bytes());
            bytes.push(b'\n');
        }
        Self {
            bytes,
            written: 1,
            lines: u64::try_from(lines.len()).unwrap_or(u64::MAX),
        }
    }

    /// How many lines there are in it.
    pub(super) fn lines(&self) -> u64 {
        self.lines
    }

    /// The file was opened anew: a line that had gone out in part begins again, on a line of its own.
    pub(super) fn begin_line_again(&mut self, torn: bool) {
        let newline = self
            .bytes
            .get(..self.written)
            .and_then(|written| memchr::memrchr(b'\n', written))
            .unwrap_or(0);
        self.written = if torn { newline } else { newline + 1 };
    }

    /// Writes what is left. After a failure what was taken stays taken.
    pub(super) fn write_to(&mut self, file: &mut impl Write) -> io::Result<()> {
        while let Some(rest @ [_, ..]) = self.bytes.get(self.written..) {
            match file.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(taken) => self.written += taken,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
