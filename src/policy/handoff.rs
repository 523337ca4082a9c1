//! Which pushed commits and inboxes tell whom what.
