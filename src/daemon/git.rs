//! What is pushed: watched by inotify or asked of the origin, read from our own mirror.
