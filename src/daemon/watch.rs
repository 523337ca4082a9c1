//! inotify: which watched file or folder changed.
