package main

import (
	"context"
	"errors"

	pitaya "github.com/topfreegames/pitaya/v3/pkg"
	"github.com/topfreegames/pitaya/v3/pkg/component"
)

// Remotes are what other servers call.
type Remotes struct {
	component.Base
}

func (r *Remotes) Rpctestrawptrreturnsptr(ctx context.Context, asked *request) (*response, error) {
	return ok("got " + asked.GetMsg()), nil
}

func (r *Remotes) Rpctestptrreturnsptr(ctx context.Context, asked *request) (*response, error) {
	return ok("got " + asked.GetMsg()), nil
}

func (r *Remotes) Rpctestreturnserror(ctx context.Context, asked *request) (*response, error) {
	return nil, pitaya.Error(errors.New("test error"), "PIT-433", map[string]string{"some": "meta"})
}

func (r *Remotes) Rpctestnoargs(ctx context.Context) (*response, error) {
	return ok("got nothing"), nil
}
