package sm2table

// affine is a point that is not at infinity, as the tables hold it.
type affine struct{ x, y element }

// point is (x/z^2, y/z^3); z = 0 is the point at infinity.
type point struct{ x, y, z element }

// add adds a table's point. Equal and opposite points are told apart: sums of
// public values may well meet them, and an attacker may see to it.
func (p *point) add(q *affine) {
	if p.z.isZero() {
		*p = point{q.x, q.y, one}
		return
	}
	var zz, u, s, h, r element
	zz.multiply(&p.z, &p.z)
	u.multiply(&q.x, &zz)
	s.multiply(&q.y, &p.z)
	s.multiply(&s, &zz)
	h.subtract(&u, &p.x)
	r.subtract(&s, &p.y)
	if h.isZero() {
		if r.isZero() {
			p.double()
		} else {
			*p = point{}
		}
		return
	}
	var hh, hhh, v element
	hh.multiply(&h, &h)
	hhh.multiply(&h, &hh)
	v.multiply(&p.x, &hh)
	p.z.multiply(&p.z, &h)
	p.x.multiply(&r, &r)
	p.x.subtract(&p.x, &hhh)
	p.x.subtract(&p.x, &v)
	p.x.subtract(&p.x, &v)
	v.subtract(&v, &p.x)
	v.multiply(&v, &r)
	hhh.multiply(&hhh, &p.y)
	p.y.subtract(&v, &hhh)
}

// double uses that the curve's a is -3. No point of the curve has order two.
func (p *point) double() {
	var zz, yy, s, m, t element
	zz.multiply(&p.z, &p.z)
	yy.multiply(&p.y, &p.y)
	s.multiply(&p.x, &yy)
	s.add(&s, &s)
	s.add(&s, &s) // 4 x y^2
	m.subtract(&p.x, &zz)
	t.add(&p.x, &zz)
	m.multiply(&m, &t)
	t.add(&m, &m)
	m.add(&m, &t) // 3 (x - z^2) (x + z^2)
	p.z.multiply(&p.z, &p.y)
	p.z.add(&p.z, &p.z)
	p.x.multiply(&m, &m)
	p.x.subtract(&p.x, &s)
	p.x.subtract(&p.x, &s)
	yy.multiply(&yy, &yy)
	yy.add(&yy, &yy)
	yy.add(&yy, &yy)
	yy.add(&yy, &yy) // 8 y^4
	s.subtract(&s, &p.x)
	s.multiply(&s, &m)
	p.y.subtract(&s, &yy)
}

// normalise gives points in affine form, with one inversion for all. None is at infinity.
func normalise(points []point, out []affine) {
	products := make([]element, len(points))
	product := one
	for i := range points {
		products[i] = product
		product.multiply(&product, &points[i].z)
	}
	var inverse, zi, zz element
	inverse.invert(&product)
	for i := len(points) - 1; i >= 0; i-- {
		zi.multiply(&inverse, &products[i])
		inverse.multiply(&inverse, &points[i].z)
		zz.multiply(&zi, &zi)
		out[i].x.multiply(&points[i].x, &zz)
		zz.multiply(&zz, &zi)
		out[i].y.multiply(&points[i].y, &zz)
	}
}
