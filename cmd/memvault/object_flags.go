package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/memvault/memvault/retention"
	"github.com/memvault/memvault/upload"
)

// objectFlags say what objects are to be like.
type objectFlags struct {
	template, class, lockMode, lockFor string
	hold, noTags                       bool

	retention upload.Retention
}

func (o *objectFlags) addTo(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.template, "key", upload.DefaultTemplate, "key below the prefix; must have {sha256}; {host} is known too")
	f.StringVar(&o.class, "storage-class", "", "the store's name of one, as STANDARD_IA; manifests have the default")
	f.StringVar(&o.lockMode, "lock-mode", "", "object lock: governance or compliance, with --lock-for")
	f.StringVar(&o.lockFor, "lock-for", "", "object lock: how long nobody can delete the object, as 30d")
	f.BoolVar(&o.hold, "legal-hold", false, "object lock: nobody can delete the object until the hold is taken off")
	f.BoolVar(&o.noTags, "no-tags", false, "give objects no tags")
	complete(cmd, "lock-mode", []string{"governance", "compliance"})
}

// resolve checks the flags.
func (o *objectFlags) resolve() error {
	if err := upload.CheckTemplate(o.template); err != nil {
		return usagef("--key: %w", err)
	}
	modes := map[string]string{"": "", "governance": "GOVERNANCE", "compliance": "COMPLIANCE"}
	mode, ok := modes[o.lockMode]
	switch {
	case !ok:
		return usagef("--lock-mode %q: want governance or compliance", o.lockMode)
	case (o.lockMode == "") != (o.lockFor == ""):
		return usagef("--lock-mode and --lock-for go together")
	}
	o.retention = upload.Retention{Mode: mode, LegalHold: o.hold}
	if o.lockFor == "" {
		return nil
	}
	d, err := retention.ParseDuration(o.lockFor)
	if err != nil || d <= 0 {
		return usagef("--lock-for %q: want a duration, as 30d", o.lockFor)
	}
	o.retention.Until = time.Now().Add(d).UTC().Truncate(time.Second)
	return nil
}

func (o *objectFlags) setTo(u *upload.Options) {
	u.Template, u.StorageClass, u.Retention, u.NoTags = o.template, o.class, o.retention, o.noTags
}
