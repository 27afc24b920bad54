// Inline classes, so that their constructors and destructors are COMDAT. Virtual bases make the complete and the base object's differ (C1 and C2,
// D1 and D2 of the Itanium ABI); without them they are one function with two names.
extern int told;

template <class T> struct Box {
    T content;
    explicit Box(T x) : content(x) { told += 1; }
    ~Box() { told += 5; }
    T get() { return content; }
};

struct Root {
    virtual ~Root() { told += 7; }
    virtual int get() { return 1; }
};

template <class T> struct Leaf : virtual Root {
    Leaf() { told += 1; }
    ~Leaf() { told += static_cast<int>(sizeof(T)) * 100000; }
    int get() override { return static_cast<int>(sizeof(T)); }
};
