//! Options of attributes, parsed by hand: an unknown one is answered with the list of known ones.
