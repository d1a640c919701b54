#include "textflag.h"

// func storeRelease(p *uint64, value uint64)
TEXT ·storeRelease(SB), NOSPLIT, $0-16
	MOVQ p+0(FP), AX
	MOVQ value+8(FP), BX
	MOVQ BX, (AX)
	RET

// func storeRelease32(p *uint32, value uint32)
TEXT ·storeRelease32(SB), NOSPLIT, $0-12
	MOVQ p+0(FP), AX
	MOVL value+8(FP), BX
	MOVL BX, (AX)
	RET

// func OrderLoads()
TEXT ·OrderLoads(SB), NOSPLIT, $0-0
	RET
