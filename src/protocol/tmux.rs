//! tmux's control mode: bytes to notifications and replies.
