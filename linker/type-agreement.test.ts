import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram } from '../base/command.ts';
import { LinkError } from './errors.ts';
import { PLAIN_FLAGS, reread, Workshop } from './tests/workshop.ts';

for (const isa of ['x86-64', 'aarch64'] as const)
  describe(`types of different layout are refused, by the debug information (defect 13), ${isa}`, function () {
    this.timeout(300_000);
    let shop: Workshop;
    before(async () => {
      shop = await Workshop.open(isa);
    });
    after(() => shop.close());

    // The other instruction set differs in relocations alone, which one version shows.
    const versions = isa === 'x86-64' ? ['-gdwarf-4', '-gdwarf-5'] : ['-gdwarf-5'];
    const typed = `
    #include <stddef.h>
    typedef struct node { struct node *next; int kind;
    #ifdef DEBUG
      int line;
    #endif
      char flags : 3; union { double d; long l; } value; short tail[WIDTH]; } node;
    node *make(node *n) { n->kind = 1; n->tail[0] = 2; return n->next; }`;
    const clang = findProgram('clang');
    const target = `--target=${isa === 'x86-64' ? 'x86_64' : 'aarch64'}-linux-gnu`;
    const compilers = clang === undefined ? (['gcc'] as const) : (['gcc', 'clang'] as const);
    type Compiler = 'gcc' | 'clang';
    const typesOf = (debug: readonly string[], plain: readonly string[], source = typed, by: Compiler = 'gcc') => {
      if (by === 'gcc')
        return shop.compileVariants('typed.c', source, { plain: ['-g', ...plain], debug: ['-g', ...debug] });
      const compile = (variant: string, flags: readonly string[]): string[] => {
        mkdirSync(join(shop.folder, variant), { recursive: true });
        const path = join(shop.folder, variant, 'typed.c');
        writeFileSync(path, source);
        const object = path.replace(/c$/, 'o');
        shop.tool(clang!, [target, ...PLAIN_FLAGS, '-g', ...flags, '-c', path, '-o', object]);
        return [object];
      };
      return { plain: compile('plain', plain), debug: compile('debug', debug) };
    };
    const plainMain = () =>
      shop.compile('typed-main.c', 'int make(void *); int main(void) { long n[20] = {0}; return make(n); }');
    const assertRefused = (variants: Record<string, string[]>, ...told: readonly RegExp[]): void =>
      assert.throws(
        () => shop.variants(variants, [plainMain()]),
        (error: Error) => {
          assert.ok(error instanceof LinkError);
          assert.equal(error.code, 'variants.type-differs');
          for (const one of told) assert.match(error.message, one);
          return true;
        },
      );
    const places = [
      />>> defined in .*typed\.c:3 \[variant plain\], 32 bytes/,
      />>> defined in .*typed\.c:3 \[variant debug\], \d+ bytes/,
    ];
    const extra =
      /disagree about struct node: member flags is at \+12 in variant plain and at \+16 in variant debug, after line, which only that has/;
    for (const by of compilers) {
      const short = by === 'gcc' ? 'short int' : 'short';
      for (const [what, flags, told] of [
        ['an additional member', ['-DDEBUG', '-DWIDTH=2'], extra],
        [
          'another element count',
          ['-DWIDTH=3'],
          new RegExp(
            `member tail at \\+24 is ${short} of 2 bytes\\[2\\] in variant plain and ${short} of 2 bytes\\[3\\] in variant debug`,
          ),
        ],
      ] as const) {
        for (const version of ['-gdwarf-4', '-gdwarf-5']) {
          it(`${what} (${by} ${version})`, () => {
            assertRefused(typesOf([...flags, version], ['-DWIDTH=2', version], typed, by), told, ...places);
          });
        }
      }

      for (const [what, before, after, told] of [
        [
          'a nameless struct behind a typedef, with a member more',
          'typedef struct { int a; int b; } T;',
          'typedef struct { int a; int more; int b; } T;',
          /struct T: member b is at \+4 in variant plain and at \+8 in variant debug, after more/,
        ],
        [
          'a nameless struct behind a typedef, with members in another order',
          'typedef struct { int a; int b; } T;',
          'typedef struct { int b; int a; } T;',
          /struct T: member a is at \+0 in variant plain and at \+4 in variant debug/,
        ],
        [
          'bit-fields in another order',
          'typedef struct { int a : 3; int b : 5; } T;',
          'typedef struct { int b : 5; int a : 3; } T;',
          /struct T: member a is at \+0 in variant plain and at \+0 bit 5 in variant debug/,
        ],
        [
          'a nameless union behind a typedef',
          'typedef union { int a; char b[4]; } T;',
          'typedef union { int a; char b[8]; } T;',
          /union T: member b at \+0 is char of 1 bytes\[4\] in variant plain and char of 1 bytes\[8\] in variant debug/,
        ],
        [
          'members of a nameless struct inside',
          'typedef struct { int x; union { struct { int a; int b; }; long l; }; } T;',
          'typedef struct { int x; union { struct { int b; int a; }; long l; }; } T;',
          /struct T: member a is at \+8 in variant plain and at \+12 in variant debug/,
        ],
        [
          'the nameless struct of a variable',
          'static struct { int a; int b; } v; typedef int T;',
          'static struct { int b; int a; } v; typedef int T;',
          /struct of variable v: member a is at \+0/,
        ],
        [
          'a nameless struct that only a pointer leads to',
          'typedef const struct { int a; int b; } *handle; int T(handle h) { return h->b; }',
          'typedef const struct { int more; int a; int b; } *handle; int T(handle h) { return h->b; }',
          /disagree about the struct that handle points to: member a is at \+0 in variant plain and at \+4 in variant debug, after more/,
        ],
        [
          'a nameless union in an array behind a typedef',
          'typedef union { int a; char b[4]; } pair[2]; int T(pair *p) { return (*p)->a; }',
          'typedef union { int a; char b[8]; } pair[2]; int T(pair *p) { return (*p)->a; }',
          /disagree about the union that pair is an array of: member b at \+0/,
        ],
        [
          'a nameless struct that a member points to',
          'struct S { int n; struct { int a; int b; } *rows[2]; }; int T(struct S *s) { return s->rows[1]->b; }',
          'struct S { int n; struct { int b; int a; } *rows[2]; }; int T(struct S *s) { return s->rows[1]->b; }',
          /disagree about the struct that S\.rows points to: member a is at \+0 in variant plain and at \+4/,
        ],
        [
          'a nameless struct behind two others',
          'typedef struct { union { struct { struct { int a; int b; } *in; } *x; }; } *H; int T(H h) { return h->x->in->b; }',
          'typedef struct { union { struct { struct { int b; int a; } *in; } *x; }; } *H; int T(H h) { return h->x->in->b; }',
          /disagree about the struct that H->x->in points to: member a is at \+0/,
        ],
        [
          'a nameless struct that variables point to, told once',
          'struct { int a; int b; } *g, *const *h; int T(void) { return g->b + (*h)->a; }',
          'struct { int b; int a; } *g, *const *h; int T(void) { return g->b + (*h)->a; }',
          /^(?=[\s\S]*disagree about the struct that variable [gh] points to: member a is at \+0)(?![\s\S]*disagree[\s\S]*disagree)/,
        ],
        [
          "a nameless struct of a function's static variable",
          'int *T(void) { static struct { int a; int b; } s; s.a++; return &s.b; }',
          'int *T(void) { static struct { int b; int a; } s; s.a++; return &s.b; }',
          /disagree about struct of variable T::s: member a is at \+0/,
        ],
        [
          "a nameless struct that a function's static variable points to",
          'int T(void) { static struct { int a; int b; } *s; return s++->b; }',
          'int T(void) { static struct { int b; int a; } *s; return s++->b; }',
          /disagree about the struct that variable T::s points to: member a is at \+0/,
        ],
        [
          'enumerators',
          'enum e { ONE, LAST }; typedef enum e T;',
          'enum e { ONE, TWO, LAST }; typedef enum e T;',
          /enum e: enumerator LAST is 1 in variant plain and 2 in variant debug/,
        ],
        [
          'a nameless enum behind a typedef',
          'typedef enum { ONE = -5, LAST } T;',
          'typedef enum { ONE = -6, LAST } T;',
          /enum T: enumerator ONE is -5 in variant plain and -6 in variant debug/,
        ],
        ['a scalar of another size', 'typedef int T;', 'typedef long T;', /typedef T: 4 bytes in variant plain and 8/],
        ['an array', 'typedef int T[2];', 'typedef int T[3];', /typedef T: 8 bytes in variant plain and 12/],
      ] as const) {
        it(`${what} (${by})`, () => {
          const variable = before.includes(' v;') ? 'v.a = 5; n = (T *)&v; ' : '';
          const parameter = /T\(/.test(before) ? 'void' : 'T';
          const source = `#ifdef DEBUG\n${after}\n#else\n${before}\n#endif\nint make(${parameter} *n) { ${variable}return *(volatile char *)n; }`;
          for (const version of versions)
            assertRefused(
              typesOf(['-DDEBUG', version], [version], source, by),
              told,
              /typed\.c:4 \[variant plain\]/,
              /typed\.c:2 \[variant debug\]/,
            );
        });
      }

      const forms = [
        '-gdwarf-4 -fdebug-types-section',
        '-gdwarf-5 -fdebug-types-section',
        '-gdwarf64 -gdwarf-5',
        '-gz',
      ];
      for (const form of forms) {
        it(`an additional member (${by} ${form})`, () => {
          const flags = form.split(' ');
          assertRefused(
            typesOf(['-DDEBUG', '-DWIDTH=2', ...flags], ['-DWIDTH=2', ...flags], typed, by),
            extra,
            // Line tables of that form are not read: the file is named without the line.
            ...(form.includes('64') ? [/typed\.c.* \[variant plain\]/, /typed\.c.* \[variant debug\]/] : places),
          );
        });
      }

      it(`says once for each object that it compares nothing where the types are in another file (${by} -gsplit-dwarf)`, () => {
        for (const version of ['-gdwarf-4', '-gdwarf-5']) {
          const split = typesOf(
            ['-DWIDTH=2', '-gsplit-dwarf', version],
            ['-DWIDTH=2', '-gsplit-dwarf', version],
            typed,
            by,
          );
          const { warnings } = shop.variants(split, [plainMain()]);
          const codes = warnings.map((w) => w.code);
          assert.deepEqual(codes, ['variants.types-not-compared']);
          assert.match(warnings[0]!.message, /the types of .*typed\.o are not compared.* in .*typed\.dwo/);
        }
        for (const own of [['-g0'], ['-gdwarf-4'], ['-gdwarf-5']]) {
          const { warnings } = shop.variants(typesOf(['-DWIDTH=2', ...own], ['-DWIDTH=2', ...own], typed, by), [
            plainMain(),
          ]);
          assert.deepEqual(warnings, []);
        }
        const assembly =
          '.section .text.make,"ax"\n.globl make\n.type make,%function\nmake: ret\n.size make,.-make\n.section .note.GNU-stack,"",%progbits\n';
        const variants = { plain: ['-g'], debug: ['-g'] };
        assert.deepEqual(shop.variants(shop.compileVariants('made.s', assembly, variants), [plainMain()]).warnings, []);
      });
    }

    it('but not several nameless unions in one struct, nor bases that are described elsewhere', () => {
      const source =
        'struct s { union { int a; float b; }; int c; union { long d; double e; }; };\nlong make(struct s *s) { return s->d; }';
      assert.ok(shop.variants(typesOf(['-O0'], [], source), [plainMain()]).melf !== undefined);
      // There is no C++ compiler for the other instruction set.
      if (isa === 'aarch64') return;
      const classes = `
        struct A { long a; }; struct B { long b; }; struct C : A, B { long c; };
        extern "C" long make(C *c) { return c->a + c->b + c->c; }`;
      for (const flags of [['-g'], ['-g', '-gdwarf-4', '-fdebug-types-section']]) {
        const variants = shop.compileVariants('classes.cc', classes, { plain: flags, debug: [...flags, '-O0'] });
        assert.ok(shop.variants(variants, [plainMain()]).melf !== undefined);
      }
    });

    for (const by of compilers)
      it(`but not two functions' own nameless structs of one name, nor those of variables on the stack (${by})`, () => {
        const source = `
          int one(int x) { { static struct { int a; } s; x += s.a++; }
          #ifdef DEBUG
            struct { int b; int a; } l = { x, x };
          #else
            struct { int a; int b; } l = { x, x };
          #endif
            { static struct { char b[2]; } s; x += s.b[1]++; } return l.a + x; }
          int two(int x) { static struct { short b; } s; return x + s.b++; }
          int make(void *n) { return one(1) + two(2); }`;
        for (const debug of ['-O2', '-O0'])
          assert.ok(shop.variants(typesOf([debug, '-DDEBUG'], [], source, by), [plainMain()]).melf !== undefined);
      });

    it('but not code that differs, nor types that only one variant has', () => {
      const asserting = `${typed}\n#ifdef ASSERT\nstruct only { int x; }; int check(struct only *o) { return o->x; }\n#endif\n`;
      const variants = typesOf(['-DWIDTH=2', '-DASSERT', '-O0'], ['-DWIDTH=2'], asserting);
      assert.ok(reread(shop.variants(variants, [plainMain()])).melf !== undefined);
    });
  });
