package archive

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

type digestJSON struct {
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

func (d digestJSON) digest() (Digest, error) {
	out := Digest{Size: d.Bytes}
	if d.Bytes < 0 {
		return out, fmt.Errorf("bytes: %d, want 0 or more", d.Bytes)
	}
	if len(d.SHA256) != hex.EncodedLen(len(out.SHA256)) {
		return out, fmt.Errorf("sha256: %d characters, want 64", len(d.SHA256))
	}
	_, err := hex.Decode(out.SHA256[:], []byte(d.SHA256))
	if err != nil {
		return out, fmt.Errorf("sha256: %w", err)
	}
	return out, nil
}

// MarshalJSON implements json.Marshaler.
func (d Digest) MarshalJSON() ([]byte, error) {
	return json.Marshal(digestJSON{d.Size, hex.EncodeToString(d.SHA256[:])})
}

// UnmarshalJSON implements json.Unmarshaler.
func (d *Digest) UnmarshalJSON(data []byte) error {
	var j digestJSON
	err := json.Unmarshal(data, &j)
	if err == nil {
		*d, err = j.digest()
	}
	return err
}

type storedJSON struct {
	digestJSON
	// The checksums are in base64 of the number in big-endian order, as S3 has them.
	CRC32C    string `json:"crc32c"`
	CRC64NVME string `json:"crc64nvme"`
	Codec     Codec  `json:"codec"`
	Level     Level  `json:"level,omitempty"`
	Frames    int    `json:"frames,omitempty"`
}

// MarshalJSON implements json.Marshaler.
func (s Stored) MarshalJSON() ([]byte, error) {
	return json.Marshal(storedJSON{
		digestJSON: digestJSON{s.Size, hex.EncodeToString(s.SHA256[:])},
		CRC32C:     s.CRC32CText(), CRC64NVME: s.CRC64NVMEText(),
		Codec: s.Codec, Level: s.Level, Frames: s.Frames,
	})
}

// CRC32CText gives CRC32C as object stores do: base64 of the number in big-endian order.
func (s Stored) CRC32CText() string {
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, s.CRC32C))
}

// CRC64NVMEText gives CRC64NVME as object stores do.
func (s Stored) CRC64NVMEText() string {
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint64(nil, s.CRC64NVME))
}

// UnmarshalJSON implements json.Unmarshaler.
func (s *Stored) UnmarshalJSON(data []byte) error {
	var j storedJSON
	if err := json.Unmarshal(data, &j); err != nil {
		return err
	}
	d, err := j.digest()
	if err != nil {
		return err
	}
	crc32, err := number("crc32c", j.CRC32C, 4)
	if err != nil {
		return err
	}
	crc64, err := number("crc64nvme", j.CRC64NVME, 8)
	if err != nil {
		return err
	}
	*s = Stored{Digest: d, CRC32C: uint32(crc32), CRC64NVME: crc64, Codec: j.Codec, Level: j.Level, Frames: j.Frames}
	return nil
}

// number reads base64 of size bytes in big-endian order.
func number(name, text string, size int) (uint64, error) {
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(b) != size {
		return 0, fmt.Errorf("%s: %d characters, want base64 of %d bytes", name, len(text), size)
	}
	var whole [8]byte
	copy(whole[8-size:], b)
	return binary.BigEndian.Uint64(whole[:]), nil
}
