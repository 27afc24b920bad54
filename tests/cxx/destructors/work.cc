// Compiled once for each variant.
#include "shapes.h"

template struct Box<int>;
template struct Box<long>;

struct Shape {
    virtual ~Shape();
    virtual int area() const;
    int sides = 1;
};
struct Left : virtual Shape {
    ~Left() override;
    int area() const override;
};
struct Right : Shape {
    ~Right() override;
};
struct Inline : virtual Shape {
    Inline() { sides = 3; }
    ~Inline() { told += 1000; }
    int area() const override { return 77; }
};
struct Further : Inline {
    ~Further() { told += 10000; }
};
Shape::~Shape() { told += sides; }
int Shape::area() const { return sides; }
Left::~Left() { sides += 1; told += 10; }
int Left::area() const { return sides * 2; }
Right::~Right() { sides += 1; told += 100; }

struct Counted {
    int *count;
    explicit Counted(int *c);
    ~Counted();
};
Counted::Counted(int *c) : count(c) { ++*count; }
Counted::~Counted() { --*count; }

// Equal functions: -fipa-icf makes one of them where it may.
int three(int x) { return x * 3 + 1; }
int triple(int x) { return x * 3 + 1; }
static int five(int x) { return x * 5 + 1; }
static int quintuple(int x) { return x * 5 + 1; }
int (*table[])(int) = {three, triple, five, quintuple};

static Shape *make(int kind) {
    switch (kind) {
    case 0: return new Shape;
    case 1: return new Left;
    case 2: return new Right;
    case 3: return new Inline;
    default: return new Further;
    }
}

int work() {
    int sum = 0;
    told = 0;
    for (int kind = 0; kind < 5; kind++) {
        Shape *shape = make(kind);
        sum += shape->area();
        delete shape;
    }
    {
        Counted one(&sum);
        { Counted two(&sum); }
        Left left;
        Further further;
        sum += left.area() + further.area();
    }
    Box<int> box(3);
    Box<long> other(4);
    sum += box.get() + static_cast<int>(other.get());
    Leaf<int> leaf;
    auto *made = new Leaf<char>;
    sum += leaf.get() + made->get();
    Root *root = made;
    delete root;
    return sum + told;
}
