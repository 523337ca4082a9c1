//! Rules across keys, and mistakes with their place in the file.
