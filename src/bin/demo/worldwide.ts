import type { DemoContent } from './demo-content.ts'

/** The same roastery in other languages and scripts: bytes are not characters. */
export const worldwide: readonly DemoContent[] = [
  {
    name: 'filterkaffee',
    title: 'Filterkaffee ohne Geheimnisse',
    type: 'article',
    status: 'published',
    platforms: ['web'],
    tags: ['brewing', 'deutsch'],
    metadata: { locale: 'de', readingMinutes: 2 },
    body: {
      format: 'markdown',
      raw: `# Filterkaffee ohne Geheimnisse

Großmutter hatte recht: Guter Filterkaffee braucht keine Maschine für 300 €, sondern frische Bohnen,
eine Waage und drei Minuten Geduld.

## Das Verhältnis

60 g auf einen Liter. Wer löffelt, rät; wer wiegt, weiß es.

## Die häufigsten Fehler

- **Kochendes Wasser.** Zwei Minuten stehen lassen genügt.
- **Die Warmhalteplatte.** Nach zehn Minuten schmeckt der beste Kaffee nach Büro.
- **Der Vorrat.** Bohnen für zwei Wochen kaufen, nicht für zwei Monate.

Übrigens: Wenn er süß schmeckt, ganz ohne Zucker, ist alles gut gegangen.
`,
    },
  },
  {
    name: 'petit-matin',
    title: 'Le café du petit matin',
    type: 'post',
    status: 'published',
    campaign: true,
    platforms: ['facebook', 'web'],
    tags: ['winter-roast', 'français'],
    hashtags: ['#cafédumatin'],
    metadata: { locale: 'fr' },
    body: {
      format: 'html',
      raw: `<p>Six heures. Le port dort encore, la rosée gèle sur les cordages, et la première torréfaction
de l’hiver sort du tambour : <strong>cacao, écorce d’orange, pain grillé</strong>.</p>
<p>On l’aime en cafetière à piston, quatre minutes, sans sucre. Et vous ? Dites-le-nous à l’œil : les
trois plus belles tasses reçoivent un paquet à Noël.</p>
`,
    },
  },
  {
    name: 'hand-drip',
    title: 'はじめてのハンドドリップ',
    type: 'article',
    status: 'published',
    platforms: ['web', 'instagram'],
    tags: ['brewing', '日本語'],
    hashtags: ['#ハンドドリップ'],
    metadata: { locale: 'ja', readingMinutes: 2 },
    body: {
      format: 'markdown',
      raw: `# はじめてのハンドドリップ

特別な道具はいりません。必要なのは、新鮮な豆、お湯、そして三分間の静けさだけです。

## 用意するもの

- コーヒー豆 15 g（中細挽き）
- お湯 250 g（93 ℃）
- ドリッパーとペーパーフィルター

## 淹れ方

1. ペーパーをお湯でゆすぎ、サーバーを温めます。
2. 30 g のお湯を注ぎ、四十秒待ちます。豆がふっくらと膨らみます。
3. 「の」の字を書くように、ゆっくり 250 g まで注ぎます。
4. 三分で落ちきれば成功です。早すぎたら、次は少し細かく挽きましょう。

冷めるほどに甘くなります。最後のひと口まで、どうぞごゆっくり。
`,
    },
  },
  {
    name: 'arabic-coffee',
    title: 'القهوة حكاية تبدأ من الميناء',
    type: 'post',
    status: 'published',
    platforms: ['facebook', 'instagram'],
    tags: ['origin', 'العربية'],
    hashtags: ['#قهوة_الميناء'],
    metadata: { locale: 'ar', direction: 'rtl' },
    body: {
      format: 'html',
      raw: `<div dir="rtl" lang="ar">
<p>قبل خمسة قرون خرجت القهوة إلى العالم من ميناء المخا في اليمن. ومنذ ذلك اليوم والبحر يعرف رائحتها.</p>
<p>في محمصتنا على الرصيف الرابع نضيف <strong>الهيل</strong> كما تعلمنا من أصدقائنا: حبة واحدة لكل فنجان،
تُطحن مع البن لا بعده.</p>
<p>أهلاً بكم. الفنجان الأول علينا.</p>
</div>
`,
    },
  },
  {
    name: 'sobremesa',
    title: 'La sobremesa empieza con café',
    type: 'tweet',
    status: 'draft',
    platforms: ['twitter'],
    hashtags: ['#sobremesa'],
    metadata: { locale: 'es' },
    body: {
      format: 'text',
      raw: '¿Y si el mejor momento de la comida es cuando ya no queda nada que comer? Pon la cafetera. ☕️ #sobremesa',
    },
  },
]
