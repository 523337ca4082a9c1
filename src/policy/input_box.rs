//! What stands in a program's input box.
