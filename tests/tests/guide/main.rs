//! What the guide tells readers to do works, on logs that the program has written.

mod verifier;
