package heap

// Quirks names the items of the facts' section 14 that LikeMemray stands for.
var Quirks = []string{"4, 5", "6", "10", "13", "16"}

// WithQuirk selects one of them.
func WithQuirk(i int) Options { return Options{some: 1 << i} }
