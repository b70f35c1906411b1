package soak

import "testing"

func TestN(t *testing.T) {
	tests := []struct {
		name, env string
		want      int
	}{
		{"unset", "", 2},
		{"set", "1", 200},
		{"something else", "0", 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("MEMVAULT_SOAK", tt.env)
			if got := N(t, 2, 200); got != tt.want {
				t.Errorf("MEMVAULT_SOAK=%q: N(2, 200) = %d, want %d", tt.env, got, tt.want)
			}
		})
	}
}
