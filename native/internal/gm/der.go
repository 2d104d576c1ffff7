package gm

import "errors"

// gmsm's supported calls speak DER; ours is r||s. Both directions stay here.

// maxDER is the longest encoding of two positive 256-bit integers.
const maxDER = 2 + 2*(2+1+32)

const (
	tagSequence = 0x30
	tagInteger  = 0x02
)

var errDER = errors.New("signature is not a sequence of two integers")

// toDER appends SEQUENCE { r INTEGER, s INTEGER } to out.
func toDER(signature, out []byte) []byte {
	out = append(out, tagSequence, 0)
	out = appendInteger(out, signature[:32])
	out = appendInteger(out, signature[32:])
	out[1] = byte(len(out) - 2)
	return out
}

func appendInteger(out, value []byte) []byte {
	for len(value) > 1 && value[0] == 0 {
		value = value[1:]
	}
	if value[0]&0x80 != 0 {
		out = append(out, tagInteger, byte(len(value)+1), 0)
	} else {
		out = append(out, tagInteger, byte(len(value)))
	}
	return append(out, value...)
}

// fromDER writes r||s to out.
func fromDER(der, out []byte) error {
	if len(der) < 2 || der[0] != tagSequence || int(der[1]) != len(der)-2 {
		return errDER
	}
	rest, err := readInteger(der[2:], out[:32])
	if err != nil {
		return err
	}
	rest, err = readInteger(rest, out[32:])
	if err != nil || len(rest) != 0 {
		return errDER
	}
	return nil
}

func readInteger(der, out []byte) ([]byte, error) {
	if len(der) < 2 || der[0] != tagInteger || len(der) < 2+int(der[1]) {
		return nil, errDER
	}
	value, rest := der[2:2+int(der[1])], der[2+int(der[1]):]
	for len(value) > 0 && value[0] == 0 {
		value = value[1:]
	}
	if len(value) > len(out) {
		return nil, errDER
	}
	clear(out)
	copy(out[len(out)-len(value):], value)
	return rest, nil
}
