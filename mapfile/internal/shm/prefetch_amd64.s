#include "textflag.h"

// func prefetchWrite(p unsafe.Pointer, n uintptr)
TEXT ·prefetchWrite(SB), NOSPLIT, $0-16
	MOVQ p+0(FP), AX
	MOVQ n+8(FP), BX
	ADDQ AX, BX
	ANDQ $~63, AX
loop:
	BYTE $0x0f; BYTE $0x0d; BYTE $0x08 // PREFETCHW (AX), which the assembler does not know
	ADDQ $64, AX
	CMPQ AX, BX
	JB loop
	RET

// func madeByIntel() bool
TEXT ·madeByIntel(SB), NOSPLIT, $0-1
	XORL AX, AX
	CPUID
	CMPL BX, $0x756e6547 // Genu
	SETEQ ret+0(FP)
	RET
