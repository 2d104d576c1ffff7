package gm

import "sync"

// Cache keeps parsed keys: the members of a chain are few and sign again and
// again. It holds at most twice its limit; what was not used for longest goes.
type Cache[Key any] struct {
	parse      func(raw []byte) (Key, error)
	limit      int
	mutex      sync.RWMutex
	young, old map[string]Key
}

// NewCache returns an empty cache of what parse makes.
func NewCache[Key any](limit int, parse func(raw []byte) (Key, error)) *Cache[Key] {
	return &Cache[Key]{parse: parse, limit: limit, young: map[string]Key{}}
}

// Get parses a key, or finds it parsed. Refused keys are not kept.
func (c *Cache[Key]) Get(raw []byte) (Key, error) {
	c.mutex.RLock()
	key, isYoung := c.young[string(raw)]
	isOld := false
	if !isYoung {
		key, isOld = c.old[string(raw)]
	}
	c.mutex.RUnlock()
	if isYoung {
		return key, nil
	}
	if !isOld {
		parsed, err := c.parse(raw)
		if err != nil {
			return parsed, err
		}
		key = parsed
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if len(c.young) >= c.limit {
		c.young, c.old = map[string]Key{}, c.young
	}
	c.young[string(raw)] = key
	return key, nil
}
