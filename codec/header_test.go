package codec

import "testing"

func TestHeaderPython(t *testing.T) {
	tests := []struct {
		name string
		hex  uint32
		want string
	}{
		{"not recorded", 0, ""},
		{"release", 0x030c01f0, "3.12.1"},
		{"large numbers", 0x030b0ff0, "3.11.15"},
		{"alpha", 0x030f00a1, "3.15.0a1"},
		{"beta", 0x030e00b4, "3.14.0b4"},
		{"candidate", 0x030d00c2, "3.13.0rc2"},
		{"no level that Python has", 0xffffffff, "255.255.255"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := Header{PythonVersion: tt.hex}
			if got := h.Python(); got != tt.want {
				t.Errorf("Python() of %#x: got %q, want %q", tt.hex, got, tt.want)
			}
		})
	}
}
