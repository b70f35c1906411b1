// Package memraytest installs Memray for tests. Its own test installs real releases of Memray under the
// CPythons of this machine, records fresh captures with them, and compares what each
// release says about its captures with what memvault reads in them.
//
// Another test compares every figure of the reports and of most of convert's targets with what
// Memray says: releases in the files beside the captures of testdata (or of a folder
// given by -captures), and 1.20.0 itself, where it installs.
//
// python/ has the programs that are recorded, and the one that asks Memray. By default one release for each header
// version is tested, about three minutes; MEMVAULT_MATRIX=all tests every release of the table under
// every CPython that it has wheels for (about half an hour: -timeout 1h). The virtual environments are kept
// in the user's cache folder, or in $MEMVAULT_VENVS. With -short, and where
// nothing can be installed, the test is skipped.
package memraytest
