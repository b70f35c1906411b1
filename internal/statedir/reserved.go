package statedir

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A reserved file holds two slots of equal size, written in turn, so that one is whole
// at any moment. A slot is a head and the data:
//
//	offset  bytes
//	     0      8  "memvault"
//	     8      8  generation: the slot with the higher one counts
//	    16      4  size of the data
//	    20      4  CRC32C of the 20 bytes before and of the data
//
// All numbers are little endian.
const (
	slotMagic = "memvault"
	slotHead  = 24
	// block is what slots are aligned to: no sector holds parts of both.
	block = 4096
	// maxSpares is how many reserved files are kept for later.
	maxSpares = 4
)

var crcTable = crc32.MakeTable(crc32.Castagnoli)

// A Reserved is an entry whose space was taken in advance: writing it works on a full
// disk. It is for one goroutine.
type Reserved struct {
	dir        *Dir
	name       string
	f          *os.File
	slot       int64 // size of a slot in bytes
	generation uint64
}

// Reserve opens the entry name for data of up to size bytes, keeping what is in it. New
// space comes from a spare file that an earlier Release left, else from the disk. The
// caller holds the lock of the name.
func (d *Dir) Reserve(name string, size int) (*Reserved, error) {
	file, err := d.file(name)
	if err != nil {
		return nil, err
	}
	slot := (int64(size) + slotHead + block - 1) / block * block
	leave, err := d.enter()
	if err != nil {
		return nil, err
	}
	defer leave()
	if _, err := os.Lstat(file); errors.Is(err, fs.ErrNotExist) {
		d.takeSpare(file, 2*slot)
	}
	f, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE|openNoFollow, 0o600)
	if err != nil {
		return nil, noState(err)
	}
	r := &Reserved{dir: d, name: name, f: f, slot: slot}
	if err := r.prepare(); err != nil {
		return nil, noState(errors.Join(err, f.Close()))
	}
	return r, nil
}

// prepare gives the file its size, every block written, keeping the newest data.
func (r *Reserved) prepare() error {
	info, err := r.f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return errors.Join(err, checkRegular(info))
	}
	if info.Size() >= 2*r.slot && info.Size() <= maxEntry && info.Size()%(2*block) == 0 {
		r.slot = info.Size() / 2
		r.generation = max(r.generationAt(0), r.generationAt(r.slot))
		return nil
	}
	old, err := r.Get()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	// Zeros are written, not a hole: this is what takes the space.
	if _, err := r.f.WriteAt(make([]byte, 2*r.slot), 0); err != nil {
		return errors.Join(err, os.Remove(r.f.Name()))
	}
	if err := r.f.Sync(); err != nil || len(old) == 0 {
		return err
	}
	return r.Put(old)
}

func checkRegular(info fs.FileInfo) error {
	if info != nil && !info.Mode().IsRegular() {
		return fmt.Errorf("%s: is no regular file", info.Name())
	}
	return nil
}

// Put writes the entry in place and syncs it. What was there before counts until all
// is written.
func (r *Reserved) Put(data []byte) error {
	if int64(len(data)) > r.slot-slotHead {
		return fmt.Errorf("state of %d bytes does not fit %d reserved", len(data), r.slot-slotHead)
	}
	generation := r.generation + 1
	at := int64((generation-1)%2) * r.slot
	if _, err := r.f.WriteAt(slotBytes(generation, data), at); err != nil {
		return noState(err)
	}
	if err := r.f.Sync(); err != nil {
		return noState(err)
	}
	r.generation = generation
	return nil
}

// Get reads the entry. The error is fs.ErrNotExist when nothing was put yet.
func (r *Reserved) Get() ([]byte, error) {
	data, err := readSmall(r.f.Name())
	if err != nil {
		return nil, err
	}
	return content(data)
}

// Close closes the entry and keeps it.
func (r *Reserved) Close() error { return r.f.Close() }

// Release takes the entry away and keeps its space for entries to come.
func (r *Reserved) Release() error {
	leave, err := r.dir.enter()
	if err != nil {
		return errors.Join(err, r.f.Close(), r.dir.Remove(r.name))
	}
	defer leave()
	_, wipe := r.f.WriteAt(make([]byte, slotHead), 0)
	_, wipe2 := r.f.WriteAt(make([]byte, slotHead), r.slot)
	if err := errors.Join(wipe, wipe2, r.f.Close()); err != nil {
		return errors.Join(err, r.dir.Remove(r.name))
	}
	return r.dir.keepSpare(r.f.Name())
}

// generationAt gives the generation of a whole slot, else 0.
func (r *Reserved) generationAt(at int64) uint64 {
	b := make([]byte, r.slot)
	if _, err := r.f.ReadAt(b, at); err != nil {
		return 0
	}
	generation, _, _ := readSlot(b)
	return generation
}

func slotBytes(generation uint64, data []byte) []byte {
	b := make([]byte, 0, slotHead+len(data))
	b = append(b, slotMagic...)
	b = binary.LittleEndian.AppendUint64(b, generation)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(data)))
	sum := crc32.Update(crc32.Checksum(b, crcTable), crcTable, data)
	b = binary.LittleEndian.AppendUint32(b, sum)
	return append(b, data...)
}

// readSlot is not ok when the slot was not written whole.
func readSlot(b []byte) (generation uint64, data []byte, ok bool) {
	if len(b) < slotHead || string(b[:8]) != slotMagic {
		return 0, nil, false
	}
	size := uint64(binary.LittleEndian.Uint32(b[16:]))
	if size > uint64(len(b)-slotHead) {
		return 0, nil, false
	}
	data = b[slotHead : slotHead+size]
	sum := crc32.Update(crc32.Checksum(b[:20], crcTable), crcTable, data)
	if sum != binary.LittleEndian.Uint32(b[20:]) {
		return 0, nil, false
	}
	return binary.LittleEndian.Uint64(b[8:]), data, true
}

// content gives the data of a file of either kind: slots, which begin with their mark or
// with zeros, or the data itself.
func content(file []byte) ([]byte, error) {
	slots := len(file) > 0 && len(file)%(2*block) == 0 && (file[0] == 0 || bytes.HasPrefix(file, []byte(slotMagic)))
	if !slots {
		return file, nil
	}
	first, data, ok := readSlot(file[:len(file)/2])
	second, data2, ok2 := readSlot(file[len(file)/2:])
	switch {
	case ok2 && (!ok || second > first):
		return data2, nil
	case ok:
		return data, nil
	}
	return nil, fs.ErrNotExist
}

// readSmall reads a regular file of bounded size.
func readSmall(name string) ([]byte, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|openNoFollow, 0)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, maxEntry+1))
	if err == nil && len(data) > maxEntry {
		err = fmt.Errorf("%s: larger than %d bytes, which no state is", name, maxEntry)
	}
	return data, errors.Join(err, f.Close())
}

// spares lists the files whose space is reserved.
func (d *Dir) spares() []string {
	all, err := os.ReadDir(d.path)
	if err != nil {
		return nil
	}
	all = slices.DeleteFunc(all, func(e fs.DirEntry) bool {
		return !e.Type().IsRegular() || !strings.HasPrefix(e.Name(), spare)
	})
	names := make([]string, len(all))
	for i, e := range all {
		names[i] = filepath.Join(d.path, e.Name())
	}
	return names
}

// takeSpare renames a spare file of at least size bytes to file, if there is one.
func (d *Dir) takeSpare(file string, size int64) {
	for _, name := range d.spares() {
		if info, err := os.Lstat(name); err == nil && info.Size() >= size && os.Rename(name, file) == nil {
			return
		}
	}
}

// keepSpare makes file a spare one, or removes it when there are enough.
func (d *Dir) keepSpare(file string) error {
	taken := d.spares()
	for i := range maxSpares {
		name := filepath.Join(d.path, fmt.Sprintf("%s%d", spare, i))
		if !slices.Contains(taken, name) {
			return os.Rename(file, name)
		}
	}
	return os.Remove(file)
}
