//! The first part of a body, decompressed: at most so many bytes, however well it was packed, and the same bytes however it
//! was cut into chunks.

use std::fmt;
use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;

/// How a body is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// Not at all.
    Identity,
    /// `gzip`.
    Gzip,
}

impl Coding {
    /// What `Content-Encoding` says; `None` if we cannot unpack it.
    #[must_use]
    pub fn named(content_encoding: Option<&str>) -> Option<Self> {
        let name = content_encoding.unwrap_or_default().trim();
        if name.is_empty() || name.eq_ignore_ascii_case("identity") {
            Some(Self::Identity)
        } else if name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip") {
            Some(Self::Gzip)
        } else {
            None
        }
    }
}

/// Of a packed body at most so many times the size that is looked at is taken: packing may add a little, and nothing else.
const PACKED_FACTOR: usize = 2;

const MARK: &[u8] = &[0xEF, 0xBB, 0xBF];

/// What of the body is known.
pub(in crate::soap) struct Unpacked {
    decoder: Option<GzDecoder<Inlet>>,
    text: Vec<u8>,
    size_max: usize,
    /// Nothing more will come, or none of it would be looked at.
    over: bool,
}

impl Unpacked {
    pub(in crate::soap) fn new(coding: Coding, size_max: usize) -> Self {
        Self {
            decoder: (coding == Coding::Gzip).then(|| GzDecoder::new(Inlet::default())),
            text: Vec::new(),
            size_max,
            over: size_max == 0,
        }
    }

    pub(in crate::soap) fn push(&mut self, chunk: &[u8]) {
        match &mut self.decoder {
            None => {
                let room = self.size_max.saturating_sub(self.text.len());
                let taken = chunk.get(..room).unwrap_or(chunk);
                self.text.extend_from_slice(taken);
                self.over |= self.text.len() >= self.size_max;
            }
            Some(decoder) => {
                let inlet = decoder.get_mut();
                let room = (PACKED_FACTOR * self.size_max).saturating_sub(inlet.packed.len());
                inlet
                    .packed
                    .extend_from_slice(chunk.get(..room).unwrap_or(chunk));
                inlet.ended |= room < chunk.len();
                self.inflate();
            }
        }
    }

    pub(in crate::soap) fn finish(&mut self) {
        if let Some(decoder) = &mut self.decoder {
            decoder.get_mut().ended = true;
            self.inflate();
        }
        self.over = true;
    }

    fn inflate(&mut self) {
        let Some(decoder) = &mut self.decoder else {
            return;
        };
        while !self.over {
            let known = self.text.len();
            // The whole room at once: what the decoder still holds when it waits for input would come a chunk late.
            self.text.resize(self.size_max, 0);
            let room = self.text.get_mut(known..).unwrap_or_default();
            let read = decoder.read(room);
            self.text.truncate(known + *read.as_ref().unwrap_or(&0));
            match read {
                Ok(0) => self.over = true,
                Ok(_) => self.over = self.text.len() >= self.size_max,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(_broken) => {
                    let packed = std::mem::take(&mut decoder.get_mut().packed);
                    self.text = until_broken(&packed, self.size_max);
                    self.over = true;
                }
            }
        }
    }

    /// The text so far, without its byte order mark; `None` while that is not known to be whole.
    pub(in crate::soap) fn text(&self) -> Option<&[u8]> {
        if self.text.len() < MARK.len() && !self.over && MARK.starts_with(&self.text) {
            return None;
        }
        Some(self.text.strip_prefix(MARK).unwrap_or(&self.text))
    }

    pub(in crate::soap) fn is_over(&self) -> bool {
        self.over
    }
}

/// All that a damaged body says before its damage. The decoder keeps to itself what it had of a read that fails, so it is given
/// single bytes.
fn until_broken(packed: &[u8], size_max: usize) -> Vec<u8> {
    let mut decoder = GzDecoder::new(Inlet::default());
    let mut text = Vec::new();
    let mut room = [0; 1024];
    for byte in packed {
        let inlet = decoder.get_mut();
        inlet.packed.clear();
        inlet.packed.push(*byte);
        inlet.taken = 0;
        loop {
            match decoder.read(&mut room) {
                Ok(length) if length > 0 && text.len() < size_max => {
                    text.extend_from_slice(room.get(..length).unwrap_or_default());
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                _ => {
                    text.truncate(size_max);
                    return text;
                }
            }
        }
    }
    text.truncate(size_max);
    text
}

impl fmt::Debug for Unpacked {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Unpacked({} bytes)", self.text.len())
    }
}

/// What the decoder reads from: what has come, then "wait" until the body has ended.
#[derive(Default)]
struct Inlet {
    packed: Vec<u8>,
    taken: usize,
    ended: bool,
}

impl Read for Inlet {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let length = self.fill_buf()?.read(room)?;
        self.consume(length);
        Ok(length)
    }
}

impl BufRead for Inlet {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.taken >= self.packed.len() && !self.ended {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(self.packed.get(self.taken..).unwrap_or_default())
    }

    fn consume(&mut self, length: usize) {
        self.taken += length;
    }
}
