package testfs

import (
	"os"
	"testing"
)

func TestKinds(t *testing.T) {
	for kind := range magic {
		t.Run(kind, func(t *testing.T) {
			for _, dir := range []string{New(t, kind, 16<<20), Dir(t, kind)} {
				if !is(dir, kind) {
					t.Errorf("%s is no %s", dir, kind)
				}
				if list, err := os.ReadDir(dir); err != nil || len(list) > 1 { // lost+found
					t.Errorf("%s holds %v, %v; want nothing", dir, list, err)
				}
			}
		})
	}
}
