package safetext

import "testing"

func TestPrintable(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"plain", "airflow scheduler", "airflow scheduler"},
		{"letters", "größe 漢字 é", "größe 漢字 é"},
		{"backslash", `C:\x`, `C:\x`},
		{"escape", "a\x1b[31mb", `a\x1b[31mb`},
		{"lines", "a\nb\r\tc", `a\nb\r\tc`},
		{"C1 control", "a\u009b31m", `a\u009b31m`},
		{"direction", "a\u202eb", `a\u202eb`},
		{"wrong UTF-8", "a\xff\x9bb", `a\xff\x9bb`},
		{"NUL", "a\x00b", `a\x00b`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Printable(tt.in); got != tt.want {
				t.Errorf("Printable(%q): got %q, want %q", tt.in, got, tt.want)
			}
		})
	}
}

func TestJSON(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"plain", `{"a":"größe"}`, `{"a":"größe"}`},
		{"C1 control", "{\"a\":\"\u009b\"}", `{"a":"\u009b"}`},
		{"direction", "{\"a\":\"\u202e\"}", `{"a":"\u202e"}`},
		{"beyond 16 bits", "{\"a\":\"\U000e0001\"}", `{"a":"\udb40\udc01"}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := JSON(tt.in); got != tt.want {
				t.Errorf("JSON(%q): got %q, want %q", tt.in, got, tt.want)
			}
		})
	}
}
