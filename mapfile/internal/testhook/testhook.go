// Package testhook lets package mapfiletest do what no program should: let a producer die without
// its process.
package testhook

// Kill ends a *mapfile.MapFile as SIGKILL would. Package mapfile sets it.
var Kill func(mf any)
