// Package messages has the messages of protos/test.proto, for a Go server that speaks them.
package messages

//go:generate protoc -I ../../../../protos --go_out=. --go_opt=paths=source_relative --go_opt=Mtest.proto=pitaya.test/interop/messages test.proto
