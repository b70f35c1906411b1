package retention

import "testing"

func TestLevelOf(t *testing.T) {
	free := Policy{MinFree: Amount{Count: 100}, Slack: 0.1}
	own := Policy{MinFree: Amount{Count: 100}, WarnFree: Amount{Count: 300}, CriticalFree: Amount{Count: 20}, Slack: 0.1}
	budget := Policy{Budget: 100, Slack: 0.1}
	inodes := Policy{MinInodes: Amount{Percent: 10}}
	disk := func(free int64, before Level) Disk {
		return Disk{Total: 1000, Free: free, Inodes: 1000, FreeInodes: 1000, Level: before}
	}
	tests := []struct {
		name   string
		policy Policy
		disk   Disk
		used   int64
		want   Level
	}{
		{"enough", free, disk(150, Fine), 0, Fine},
		{"warn", free, disk(149, Fine), 0, Warn},
		{"not below", free, disk(100, Fine), 0, Warn},
		{"high", free, disk(99, Fine), 0, High},
		{"critical", free, disk(49, Fine), 0, Critical},
		{"stays high within the slack", free, disk(109, High), 0, High},
		{"falls behind the slack", free, disk(110, High), 0, Warn},
		{"stays warned within the slack", free, disk(164, Warn), 0, Warn},
		{"falls from critical to high", free, disk(55, Critical), 0, High},
		{"stays critical within the slack", free, disk(54, Critical), 0, Critical},
		{"falls all the way", free, disk(900, Critical), 0, Fine},
		{"own warning", own, disk(299, Fine), 0, Warn},
		{"own critical", own, disk(20, Fine), 0, High},
		{"own critical below", own, disk(19, Fine), 0, Critical},
		{"budget", budget, Disk{}, 90, Fine},
		{"budget warns", budget, Disk{}, 91, Warn},
		{"budget broken", budget, Disk{}, 101, High},
		{"budget critical", budget, Disk{}, 111, Critical},
		{"budget with trash", budget, Disk{Trash: 1}, 100, High},
		{"budget stays high within the slack", budget, Disk{Level: High}, 91, High},
		{"budget falls", budget, Disk{Level: High}, 90, Warn},
		{"inodes", inodes, Disk{Inodes: 1000, FreeInodes: 99}, 0, High},
		{"inodes that are not counted", inodes, Disk{}, 0, Fine},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.policy.LevelOf(tt.disk, tt.used); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}
