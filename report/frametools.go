package report

import (
	"regexp"
	"slices"
	"strings"
)

// What Memray hides in its trees (reporters/frame_tools.py).

var cpythonPath = regexp.MustCompile(`(Include|Objects|Modules|Python|cpython).*\.[c|h]$`)

// cpythonCalls are functions of CPython that only pass calls on.
var cpythonCalls = []string{
	"PyObject_Call", "call_function", "classmethoddescr_call", "cmpwrapper_call", "do_call_core", "fast_function",
	"function_call", "function_code_fastcall", "instance_call", "instancemethod_call", "methoddescr_call",
	"proxy_call", "slot_tp_call", "trace_call_function", "type_call", "weakref_call", "wrap_call", "wrapper_call",
	"wrapperdescr_call",
}

// cpythonInternal reports whether the frame is of CPython's own machinery.
func (f *Frame) cpythonInternal() bool {
	s := f.Function
	candidate := strings.Contains(s, "PyEval_EvalFrameEx") || strings.Contains(s, "_PyEval_EvalFrameDefault") ||
		strings.HasPrefix(s, "_TAIL_CALL_") && strings.Contains(s, ".llvm.") ||
		strings.HasPrefix(s, "PyEval") || strings.HasPrefix(s, "_Py") ||
		strings.Contains(strings.ToLower(s), "vectorcall") ||
		slices.Contains(cpythonCalls, s) || strings.Contains(f.File, "Objects/call.c")
	return candidate && cpythonPath.MatchString(f.File)
}

// interesting is false for frames that every stack has, or that only pass calls on.
func (f *Frame) interesting() bool {
	if strings.HasSuffix(f.File, "runpy.py") || f.File == "<frozen runpy>" {
		return false
	}
	return !f.cpythonInternal()
}

// importSystem reports whether the frame is of the machinery that imports modules.
func (f *Frame) importSystem() bool {
	if strings.Contains(f.File, "frozen importlib") {
		return true
	}
	return slices.Contains([]string{"import_name", "import_from", "import_all_from"}, f.Function) &&
		strings.HasSuffix(f.File, "ceval.c")
}
