package gm

import "sync"

// PublicCache keeps parsed public keys: the members of a chain are few and sign
// again and again. It holds public keys only, at most twice its limit of them.
type PublicCache struct {
	limit int
	mutex sync.RWMutex
	young map[[PublicKeySize]byte]*Public
	old   map[[PublicKeySize]byte]*Public
}

// NewPublicCache returns an empty cache.
func NewPublicCache(limit int) *PublicCache {
	return &PublicCache{limit: limit, young: map[[PublicKeySize]byte]*Public{}}
}

// Get parses a key, or finds it parsed. Refused keys are not kept.
func (c *PublicCache) Get(raw []byte) (*Public, error) {
	if len(raw) != PublicKeySize {
		return nil, errPublicKey
	}
	name := [PublicKeySize]byte(raw)
	c.mutex.RLock()
	key, isYoung := c.young[name]
	if !isYoung {
		key = c.old[name]
	}
	c.mutex.RUnlock()
	if isYoung {
		return key, nil
	}
	if key == nil {
		parsed, err := ParsePublic(raw)
		if err != nil {
			return nil, err
		}
		key = parsed
	}
	c.mutex.Lock()
	if len(c.young) >= c.limit {
		c.young, c.old = map[[PublicKeySize]byte]*Public{}, c.young
	}
	c.young[name] = key
	c.mutex.Unlock()
	return key, nil
}
