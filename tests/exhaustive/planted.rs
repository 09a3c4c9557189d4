//! What is planted is found, with as few faults as it takes.
