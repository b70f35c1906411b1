package retention

// The other two watermarks, where the policy does not set them.
const (
	warnAt     = 1.5 // of MinFree and MinInodes
	criticalAt = 0.5
	// Those of the budget, which is itself the limit.
	warnBudget     = 0.9
	criticalBudget = 1.1
)

// LevelOf says how full the disk is when captures occupy used bytes. It rises at the
// watermarks, and falls from disk.Level only when they are passed by Policy.Slack.
func (p *Policy) LevelOf(disk Disk, used int64) Level {
	up := p.levelAt(disk, used, 0)
	if up >= disk.Level {
		return up
	}
	return max(up, min(disk.Level, p.levelAt(disk, used, p.Slack)))
}

// levelAt is the level by watermarks that lie a part of themselves on the careful side.
func (p *Policy) levelAt(d Disk, used int64, slack float64) Level {
	return max(
		level(d.Free, p.WarnFree.or(p.MinFree, warnAt), p.MinFree, p.CriticalFree.or(p.MinFree, criticalAt), d.Total, slack),
		level(d.FreeInodes, p.MinInodes.scaled(warnAt), p.MinInodes, p.MinInodes.scaled(criticalAt), d.Inodes, slack),
		p.budgetLevel(used+d.Trash, slack),
	)
}

// or is a, or else a part of b.
func (a Amount) or(b Amount, part float64) Amount {
	if a.IsZero() {
		return b.scaled(part)
	}
	return a
}

func level(free int64, warn, high, critical Amount, whole int64, slack float64) Level {
	below := func(a Amount) bool {
		return !a.IsZero() && whole > 0 && free < scale(a.Of(whole), 1+slack)
	}
	switch {
	case below(critical):
		return Critical
	case below(high):
		return High
	case below(warn):
		return Warn
	}
	return Fine
}

func (p *Policy) budgetLevel(used int64, slack float64) Level {
	above := func(part float64) bool { return used > scale(p.Budget, part*(1-slack)) }
	switch {
	case p.Budget == 0:
		return Fine
	case above(criticalBudget):
		return Critical
	case above(1):
		return High
	case above(warnBudget):
		return Warn
	}
	return Fine
}
