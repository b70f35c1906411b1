package heap_test

import (
	"testing"

	"github.com/memvault/memvault/codec"
	"github.com/memvault/memvault/heap"
)

// header13 is that of a venv whose standard library is elsewhere, as Airflow's is.
var header13 = codec.Header{
	Version:      13,
	LibDest:      "/opt/python/3.12/lib/python3.12",
	SitePackages: []string{"/srv/venv/lib/python3.12/site-packages", "/home/me/.local/lib/python3.12/site-packages"},
	SysPath: []string{
		"/srv/app", "/srv/app/plugins", "/opt/python/3.12/lib/python312.zip", "/opt/python/3.12/lib/python3.12",
		"/opt/python/3.12/lib/python3.12/lib-dynload", "/srv/venv/lib/python3.12/site-packages",
		"/srv/venv/lib/python3.12/site-packages/win32", "/srv/caf\xe9",
	},
}

const (
	unknown = heap.PlaceUnknown
	stdlib  = heap.PlaceStdlib
	site    = heap.PlaceSitePackages
	project = heap.PlaceProject
	frozen  = heap.PlaceFrozen
)

func TestModuleByHeader(t *testing.T) {
	tests := []struct {
		name, file string
		want       heap.Module
	}{
		{"installed", "/srv/venv/lib/python3.12/site-packages/airflow/models/dag.py", heap.Module{Name: "airflow.models.dag", Top: "airflow", Place: site}},
		{"package", "/srv/venv/lib/python3.12/site-packages/airflow/models/__init__.py", heap.Module{Name: "airflow.models", Top: "airflow", Place: site}},
		{"main module", "/srv/venv/lib/python3.12/site-packages/airflow/__main__.py", heap.Module{Name: "airflow.__main__", Top: "airflow", Place: site}},
		{"user site", "/home/me/.local/lib/python3.12/site-packages/six.py", heap.Module{Name: "six", Top: "six", Place: site}},
		{"folder of a .pth file", "/srv/venv/lib/python3.12/site-packages/win32/lib/pywintypes.py", heap.Module{Name: "lib.pywintypes", Top: "lib", Place: site}},
		{"standard library", "/opt/python/3.12/lib/python3.12/json/decoder.py", heap.Module{Name: "json.decoder", Top: "json", Place: stdlib}},
		{"zipped standard library", "/opt/python/3.12/lib/python312.zip/json/decoder.py", heap.Module{Name: "json.decoder", Top: "json", Place: stdlib}},
		{"below libdest, in sys.path", "/opt/python/3.12/lib/python3.12/lib-dynload/_x.py", heap.Module{Name: "_x", Top: "_x", Place: stdlib}},
		{"site-packages below libdest", "/opt/python/3.12/lib/python3.12/site-packages/pip/_vendor/six.py", heap.Module{Name: "pip._vendor.six", Top: "pip", Place: site}},
		{"another venv", "/srv/app/env/lib/python3.12/site-packages/flask/app.py", heap.Module{Name: "flask.app", Top: "flask", Place: site}},
		{"project", "/srv/app/dags/etl.py", heap.Module{Name: "dags.etl", Top: "dags", Place: project}},
		{"nested sys.path", "/srv/app/plugins/hooks/ftp.py", heap.Module{Name: "hooks.ftp", Top: "hooks", Place: project}},
		{"package right in sys.path", "/srv/app/__init__.py", heap.Module{Name: "__init__", Top: "__init__", Place: project}},
		{"not cleaned", "/srv/app/tests/..//./dags/etl.py", heap.Module{Name: "dags.etl", Top: "dags", Place: project}},
		{"folder that is no UTF-8", "/srv/caf\uFFFD/menu/day.py", heap.Module{Name: "menu.day", Top: "menu", Place: project}},
		{"longer name than a folder's", "/srv/application/x.py", heap.Module{Name: "x", Top: "x", Place: unknown}},
		{"frozen", "<frozen importlib._bootstrap>", heap.Module{Name: "importlib._bootstrap", Top: "importlib", Place: frozen}},
		{"frozen, cut", "<frozen os", heap.Module{Name: "os", Top: "os", Place: frozen}},
	}
	m := heap.NewModules(&header13)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for range 2 { // found, then remembered
				if got := m.Of(tt.file); got != tt.want {
					t.Errorf("%s: got %+v, want %+v", tt.file, got, tt.want)
				}
			}
		})
	}
}

func TestModuleByName(t *testing.T) {
	tests := []struct {
		name, file, want string
		place            heap.Place
	}{
		{"installed", "/usr/lib/python3.9/site-packages/yaml/loader.py", "yaml.loader", site},
		{"Debian", "/usr/lib/python3/dist-packages/apt/cache.py", "apt.cache", site},
		{"egg", "/usr/lib/python3.7/site-packages/foo-1.0-py3.7.egg/foo/bar.py", "foo.bar", site},
		{"lib", "/usr/lib/python3.9/asyncio/tasks.py", "asyncio.tasks", stdlib},
		{"lib64", "/usr/lib64/python3.11/asyncio/tasks.py", "asyncio.tasks", stdlib},
		{"free-threaded", "/usr/lib/python3.13t/asyncio/tasks.py", "asyncio.tasks", stdlib},
		{"debug build", "/usr/lib/python3.13td/asyncio/tasks.py", "asyncio.tasks", stdlib},
		{"macOS", "/Library/Frameworks/Python.framework/Versions/3.12/lib/python3.12/re/_parser.py", "re._parser", stdlib},
		{"zip", "/usr/lib/python311.zip/os.py", "os", stdlib},
		{"the last mark counts", "/w/site-packages/lib/python3.8/lib/python3.9/os.py", "os", stdlib},
		{"Windows", `C:\Python39\Lib\site-packages\yaml\loader.py`, "yaml.loader", site},
		{"Windows, mixed", `c:/Python39\Lib/site-packages\yaml\__init__.py`, "yaml", site},
		{"Windows, relative", `..\site-packages\yaml\loader.py`, "yaml.loader", site},
		{"Windows, nothing known", `C:\jobs\run.py`, "run", unknown},
		{"backslash in a name", `/jobs/odd\name.py`, `odd\name`, unknown},
		{"not a lib folder", "/work/python3.9/os.py", "os", unknown},
		{"no version", "/usr/lib/python3/os.py", "os", unknown},
		{"no minor version", "/usr/lib/python3.x/os.py", "os", unknown},
		{"no digits in the zip", "/usr/lib/python.zip/a/os.py", "os", unknown},
		{"a file called site-packages", "/usr/site-packages", "site-packages", unknown},
		{"script", "/usr/local/bin/airflow", "airflow", unknown},
		{"relative", "dags/etl.py", "etl", unknown},
		{"package", "/srv/app/dags/__init__.py", "dags", unknown},
		{"package at the root", "/__init__.py", "__init__", unknown},
		{"package, no folder", "__init__.py", "__init__", unknown},
		{"Cython", "pandas/_libs/parsers.pyx", "parsers", unknown},
		{"only an ending", "/srv/.py", ".py", unknown},
		{"two dots", "/srv/v1.2.py", "v1.2", unknown},
		{"string", "<string>", "<string>", unknown},
		{"generated", "<attrs generated init a/b.c>", "<attrs generated init a/b.c>", unknown},
		{"empty", "", "", unknown},
		{"root", "/", "/", unknown},
	}
	m := heap.NewModules(&codec.Header{Version: 11})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := m.Of(tt.file); got.Name != tt.want || got.Place != tt.place {
				t.Errorf("%s: got %q in %v, want %q in %v", tt.file, got.Name, got.Place, tt.want, tt.place)
			}
		})
	}
}

func TestModuleTop(t *testing.T) {
	m := heap.NewModules(&codec.Header{})
	for file, want := range map[string]string{
		"<frozen importlib._bootstrap>":         "importlib",
		"/lib/python3.9/concurrent/__init__.py": "concurrent",
		"/lib/python3.9/concurrent/futures.py":  "concurrent",
		"<attrs generated init a.b>":            "<attrs generated init a.b>",
		"":                                      "",
	} {
		if got := m.Of(file).Top; got != want {
			t.Errorf("%q: got %q, want %q", file, got, want)
		}
	}
}

func TestQualified(t *testing.T) {
	tests := []struct{ module, function, want string }{
		{"airflow.models.dag", "__init__", "airflow.models.dag.__init__"},
		{"<string>", "<module>", "<string>.<module>"},
		{"", "main", "main"},
		{"etl", "", "etl.<unknown>"},
		{"", "", "<unknown>"},
	}
	for _, tt := range tests {
		if got := (heap.Module{Name: tt.module}).Qualified(tt.function); got != tt.want {
			t.Errorf("%q, %q: got %q, want %q", tt.module, tt.function, got, tt.want)
		}
	}
}

// The rules are those of tests/unit/test_module_tools.py of Memray 1.20.0, and what its
// ModuleResolver answers to the rest.
func TestModuleLikeMemray(t *testing.T) {
	tests := []struct {
		name, file, want string
		place            heap.Place
	}{
		{"installed", "/srv/venv/lib/python3.12/site-packages/airflow/models/dag.py", "airflow.models.dag", site},
		{"package", "/srv/venv/lib/python3.12/site-packages/airflow/models/__init__.py", "airflow.models", site},
		{"the first folder counts", "/srv/venv/lib/python3.12/site-packages/win32/lib/pywintypes.py", "win32.lib.pywintypes", site},
		{"standard library", "/opt/python/3.12/lib/python3.12/json/__init__.py", "json", stdlib},
		{"libdest before sys.path", "/opt/python/3.12/lib/python3.12/lib-dynload/_x.py", "lib-dynload._x", stdlib},
		{"site-packages below libdest", "/opt/python/3.12/lib/python3.12/site-packages/pip/x.py", "site-packages.pip.x", stdlib},
		{"zip is a project", "/opt/python/3.12/lib/python312.zip/os.py", "os", project},
		{"project", "/srv/app/plugins/hooks/ftp.py", "plugins.hooks.ftp", project},
		{"the folder itself", "/srv/app", "", project},
		{"frozen", "<frozen importlib._bootstrap>", "importlib._bootstrap", stdlib},
		{"frozen, cut", "<frozen ", "", stdlib},
		{"slashes and dots", "/srv//app/./x.py", "x", project},
		{"dot dot stays", "/srv/app/../x.py", "...x", project},
		{"two slashes are another root", "//srv/app/x.py", "x", unknown},
		{"three are not", "///srv/app/x.py", "x", project},
		{"other ending", "/srv/app/x.pyx", "x.pyx", project},
		{"only an ending", "/srv/app/.py", ".py", project},
		{"elsewhere", "/nonexistent/random/mymodule.py", "mymodule", unknown},
		{"package elsewhere", "/nonexistent/pkg/__init__.py", "", unknown},
		{"string", "<string>", "<string>", unknown},
		{"string with a slash", "<generated a/b.py>", "b.py>", unknown},
		{"empty", "", "unknown", unknown},
		{"root", "/", "", unknown},
		{"dot", ".", "", unknown},
	}
	m := heap.NewModules(&header13)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for range 2 {
				if got := m.Memray(tt.file); got.Name != tt.want || got.Place != tt.place {
					t.Errorf("%s: got %q in %v, want %q in %v", tt.file, got.Name, got.Place, tt.want, tt.place)
				}
			}
		})
	}
}

func TestPlaceString(t *testing.T) {
	if got := site.String() + " " + heap.Place(99).String(); got != "site-packages unknown" {
		t.Errorf("got %q", got)
	}
}
