//! Lanes: each has its own queue and its own connection, so that what is large or much holds up nothing else.

/// What a frame is, as far as the streams care.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// Small and needed now: keep-alives, acknowledgements, questions and answers of the protocol.
    Prompt,
    /// Entries of the log, in order.
    Entries,
    /// Pages of a copy in the making or of a rewind.
    Pages,
}

/// What a queue holds at most; what comes on top is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub frames: usize,
    pub bytes: usize,
    /// Of one shard: the rest is for the others.
    pub shard_bytes: usize,
}

impl Lane {
    pub const ALL: [Self; 3] = [Self::Prompt, Self::Entries, Self::Pages];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Prompt => "prompt",
            Self::Entries => "entries",
            Self::Pages => "pages",
        }
    }

    pub(crate) fn bounds(self) -> Bounds {
        let (frames, bytes) = match self {
            // A frame of every shard of a large node, several times.
            Self::Prompt => (16_384, 4 << 20),
            Self::Entries => (8_192, 64 << 20),
            Self::Pages => (512, 32 << 20),
        };
        let shard_bytes = bytes / 2;
        Bounds {
            frames,
            bytes,
            shard_bytes,
        }
    }
}
