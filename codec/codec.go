// Package codec reads the capture files of every Memray release: header versions 6
// to 13, streams of events and aggregated captures, of 64-bit and 32-bit processes,
// plain or in an LZ4 frame, and either of these in zstd or gzip.
//
// A Reader gives one normalised Record after the other, without allocating. It
// knows nothing of heaps: package heap makes a profile of the records.
package codec
