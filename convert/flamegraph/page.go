package flamegraph

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"html/template"
	"io"
)

//go:embed template.html page.css model.js graph.js chart.js page.js
var files embed.FS

// scripts are put together in this order, as one module.
var scripts = [...]string{"model.js", "graph.js", "chart.js", "page.js"}

// page is what the template is filled with.
type page struct {
	*facts
	// Policy is the content security policy: this style, this script, and nothing else.
	Policy string
	Style  template.CSS
	Script template.JS
}

// writePage writes all of the page but the data.
func writePage(w io.Writer, f *facts) error {
	t, err := template.ParseFS(files, "template.html")
	if err != nil {
		return err
	}
	style, err := files.ReadFile("page.css")
	if err != nil {
		return err
	}
	var script []byte
	for _, name := range scripts {
		part, err := files.ReadFile(name)
		if err != nil {
			return err
		}
		script = append(script, part...)
	}
	return t.Execute(w, page{
		facts:  f,
		Policy: policy(style, script),
		Style:  template.CSS(style),
		Script: template.JS(script),
	})
}

// policy allows the one style and the one script by their digests. It also forbids the
// script to put text on the page as markup, where a browser knows of that.
func policy(style, script []byte) string {
	digest := func(b []byte) string {
		sum := sha256.Sum256(b)
		return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	return "default-src 'none'; style-src " + digest(style) + "; script-src " + digest(script) +
		"; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'"
}
