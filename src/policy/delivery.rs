//! How a message reaches an agent: looked, pasted, submitted, confirmed.
