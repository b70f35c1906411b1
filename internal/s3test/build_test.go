package s3test

import (
	"path/filepath"
	"testing"
)

// TestBuild builds the servers, so that .ci/tools can have that done in its own time.
func TestBuild(t *testing.T) {
	for _, s := range Servers(t) {
		t.Logf("%s answers at %s", s.Name, s.Endpoint)
	}
}

func TestRequiredVersion(t *testing.T) {
	modfile := filepath.Join("..", "..", "tools", "go.mod")
	for _, tool := range tools {
		if v, err := requiredVersion(modfile, tool.module); err != nil || v == "" {
			t.Errorf("%s: got %q, %v", tool.module, v, err)
		}
	}
	if v, err := requiredVersion(modfile, "example.com/none"); err == nil {
		t.Errorf("a module that is not there: got %q, want an error", v)
	}
}
