module github.com/memvault/memvault

go 1.26
