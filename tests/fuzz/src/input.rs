//! Reading what a fuzzer made up as a list of decisions.

/// Decisions that are taken from the front of the data.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    /// All of the data.
    pub fn new(data: &'a [u8]) -> Self {
        Self(data)
    }

    /// The next byte; `None` when nothing is left.
    pub fn byte(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    /// The next byte, or 0.
    pub fn byte_or_zero(&mut self) -> u8 {
        self.byte().unwrap_or(0)
    }

    /// The next `len` bytes, or what is left of them.
    pub fn bytes(&mut self, len: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// Bytes behind their own length, one byte.
    pub fn counted(&mut self) -> &'a [u8] {
        let len = self.byte_or_zero();
        self.bytes(len.into())
    }

    /// Everything that is left.
    pub fn rest(self) -> &'a [u8] {
        self.0
    }
}

/// Cuts data into pieces of at least one byte: 0 is byte by byte, 255 one piece, and anything in
/// between an arbitrary division that is always the same for the same seed.
pub fn pieces(data: &[u8], seed: u8) -> Vec<&[u8]> {
    let mut random = fastrand::Rng::with_seed(seed.into());
    let longest = 1 << (1 + seed % 10);
    let mut rest = data;
    let mut pieces = Vec::new();
    while !rest.is_empty() {
        let len = match seed {
            0 => 1,
            u8::MAX => rest.len(),
            _ => random.usize(1..=longest),
        };
        let (piece, after) = rest.split_at(len.min(rest.len()));
        pieces.push(piece);
        rest = after;
    }
    pieces
}
