//! Options that help against an error. Each surface (the command line, the library) writes them in its own way.

/// An option that helps against an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Give the key.
    Key,
    /// Keep the key out of the options.
    KeyElsewhere,
    /// Take the run over.
    TakeOver,
    /// Give the run up, and read its window again.
    Restart,
    /// Land everything again, into a new raw table.
    NewRawTable,
}

impl Remedy {
    /// The remedy as the last clause of a message. An option is written `{name}`, by its name in the table of options.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Key => {
                "set STRIPE_API_KEY to a restricted key (rk_...), name a file with {api_key_file}, or a Databricks secret \
                 with {stripe_secret_scope} and {stripe_secret_key}"
            }
            Self::KeyElsewhere => "put the key into STRIPE_API_KEY, a file ({api_key_file}) or a Databricks secret",
            Self::TakeOver => "wait until it ends, or use {take_over} if it is gone",
            Self::Restart => "run verify, then use {restart_run}",
            Self::NewRawTable => "move the raw table away and use {from_scratch}",
        }
    }
}
